package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/keys"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
)

const addressesFile = "addresses.json"

// addresses is what scripts read to find a controller that chose its ports.
type addresses struct {
	Listen      string `json:"listen"`
	AgentListen string `json:"agent_listen"`
	Public      string `json:"public_url"`
}

// Local does on the controller's own machine what needs no sign-in, because
// whoever can read the data folder has everything anyway. It works beside a
// running controller. Use [OpenLocal].
type Local struct {
	data     string
	now      func() time.Time
	store    *store.Store
	accounts *auth.Accounts
	admin    *admin.Admin
}

// ErrNoData says that a folder is not that of a controller, or can not be looked into.
var ErrNoData = errors.New("there is no controller's data")

// OpenLocal opens the database of a data folder that a controller has made. With
// "" for the database it is the one that the controller used last.
func OpenLocal(ctx context.Context, data, database string, log *slog.Logger) (*Local, error) {
	database, err := findDatabase(data, database)
	if err == nil {
		_, err = os.Stat(database)
	}
	if err != nil {
		return nil, fmt.Errorf("%w in %s: %w", ErrNoData, data, err)
	}
	l := &Local{data: data, now: time.Now}
	if l.store, err = store.Open(ctx, store.Config{Path: database, Log: log, Readers: 1}); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if l.accounts, err = auth.NewAccounts(people{store: l.store, now: l.now}, l.now); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	l.admin, err = admin.New(ctx, admin.Config{Store: l.store, Passwords: l.accounts, Now: l.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// ExportRoot hands the private root key of a data folder over as PEM. With
// remove it is deleted there once hand has returned without an error; a
// controller that serves from the folder is refused then, for it has the key in
// memory.
func ExportRoot(data string, remove bool, hand func(pem []byte) error) error {
	dir := filepath.Join(data, "keys")
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("%w in %s: %w", ErrNoData, data, err)
	}
	if remove {
		file := filepath.Join(data, lockName)
		lock, err := lockFile(file, "the data folder "+data)
		if err != nil {
			return fmt.Errorf("remove the root key: %w; stop it first, it has the key in memory", err)
		}
		defer lock.Close()
		if err := ownAll(file, info); err != nil { // root may have made it just now
			return fmt.Errorf("remove the root key: %w", err)
		}
	}
	return keys.ExportRoot(dir, remove, hand)
}

// Close closes the database.
func (l *Local) Close() error { return l.store.Close() }

// AddUser makes an account.
func (l *Local) AddUser(ctx context.Context, login string, roles []auth.Role, password string) error {
	_, err := l.admin.AddUser(ctx, admin.Local(), admin.NewUser{Login: login, Roles: roles, Password: password})
	return err
}

// ResetUser gives an account back to its owner: without second factors, a new
// password or none, roles where some are given, no longer disabled. Its sessions
// end.
func (l *Local) ResetUser(ctx context.Context, login string, roles []auth.Role, password string) error {
	enabled := false
	edit := admin.EditUser{Password: &password, Disabled: &enabled}
	if len(roles) > 0 {
		edit.Roles = &roles
	}
	if err := l.admin.ResetFactors(ctx, admin.Local(), login); err != nil {
		return err
	}
	_, err := l.admin.EditUser(ctx, admin.Local(), login, edit)
	return err
}

// NewToken makes an API token of an account and returns its text.
func (l *Local) NewToken(ctx context.Context, login string) (string, error) {
	_, plain, err := l.admin.AddToken(ctx, admin.Local(), admin.NewToken{Name: "made by the local command", User: login})
	return plain, err
}

// SignInURL makes a one-time sign-in link of an account.
func (l *Local) SignInURL(ctx context.Context, login string) (string, error) {
	var u store.User
	err := l.store.View(ctx, func(tx *store.Tx) (err error) { u, err = tx.UserByLogin(login); return err })
	if err != nil {
		return "", err
	}
	link, err := l.accounts.NewLink(ctx, u.ID)
	if err != nil {
		return "", err
	}
	var where addresses
	raw, err := os.ReadFile(filepath.Join(l.data, addressesFile))
	if err == nil {
		err = json.Unmarshal(raw, &where)
	}
	if err != nil {
		return "", fmt.Errorf("find the console's address: %w", err)
	}
	return signInURL(where.Public, link), nil
}

// RenewAdminToken replaces admin.token when login is the first administrator,
// whose token is not narrowed; renewed is false for others.
func (l *Local) RenewAdminToken(ctx context.Context, login string) (renewed bool, err error) {
	if !strings.EqualFold(login, auth.FirstLogin) {
		return false, nil
	}
	text, err := renewAdminToken(ctx, l.store, l.now())
	if err != nil {
		return false, err
	}
	return true, durable.Replace(filepath.Join(l.data, "admin.token"), []byte(text+"\n"))
}

func renewAdminToken(ctx context.Context, s *store.Store, now time.Time) (text string, err error) {
	err = s.Update(ctx, func(tx *store.Tx) error {
		u, err := tx.UserByLogin(auth.FirstLogin)
		if err != nil {
			return err
		}
		all, err := tx.APITokens()
		if err != nil {
			return err
		}
		for _, t := range all {
			if t.Full && t.Owner == u.ID {
				if err := tx.DeleteAPIToken(t.ID); err != nil {
					return err
				}
			}
		}
		t, plain := auth.NewToken(u.ID, "admin.token", auth.AdminTokenLife, now)
		t.Full, text = true, plain
		if err := tx.InsertAPIToken(t); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: now, Kind: audit.TokenCreated, Actor: elevation.Actor{Kind: elevation.BySystem, Name: "local command"},
			Data: map[string]string{"token": string(t.ID), "user": string(u.ID), "name": t.Name, "login": u.Login}})
	})
	if err != nil {
		return "", fmt.Errorf("renew admin.token: %w", err)
	}
	return text, nil
}
