package directory

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Times of a device that asks for a token (RFC 8628).
const (
	DeviceFor      = 10 * time.Minute    // until somebody must have answered
	DevicePoll     = 5 * time.Second     // between two questions of the device
	DeviceTokenFor = 30 * 24 * time.Hour // the token
	maxDevices     = 1000                // that wait
	maxDevicesOf   = 50                  // of them, of one address
	maxDeviceName  = 100
)

// What a device is answered that has no token yet.
var (
	ErrDevicePending = errors.New("nobody has answered yet; ask again after the interval")
	ErrDeviceSlow    = errors.New("this asks too often; wait five seconds longer between two questions")
	ErrDeviceExpired = errors.New("this sign-in has ended; begin again")
	ErrDeviceDenied  = errors.New("this sign-in was denied")
)

// NewDevice is a device that has just asked.
type NewDevice struct {
	DeviceCode string // the device keeps it to itself
	UserCode   string // XXXX-XXXX, for its user to type
	Page       string // where
	Whole      string // where, with the code
	Poll, For  time.Duration
}

// poll is when a device last asked and how long it must wait.
type poll struct {
	at    time.Time
	every time.Duration
}

// AskDevice begins the sign-in of a device that calls itself name. Anybody may,
// within the limits of an address and of all.
func (d *Directory) AskDevice(ctx context.Context, name, address string) (NewDevice, error) {
	if err := d.limit(d.asked, address); err != nil {
		return NewDevice{}, err
	}
	name = strings.TrimSpace(name)
	if err := elevation.CheckLine("name of the device", name, maxDeviceName); err != nil {
		return NewDevice{}, err
	}
	if name == "" {
		return NewDevice{}, fmt.Errorf("%w: give the device a name", elevation.ErrInvalid)
	}
	code := random()
	var bits [5]byte
	rand.Read(bits[:]) // never fails: crypto/rand documents that it ends the program instead
	shown := elevation.CodeOf(bits)
	now := d.cfg.Now()
	dev := store.Device{Hash: hashOf(code), Code: hashOf(shown), Name: name, Address: address, MadeAt: now, ExpiresAt: now.Add(DeviceFor)}
	err := d.update(ctx, func(tx *store.Tx) error {
		if err := roomForDevice(tx, address, now); err != nil {
			return err
		}
		return tx.InsertDevice(dev)
	})
	page := d.cfg.Public() + "/#/device"
	return NewDevice{DeviceCode: code, UserCode: shown, Page: page, Whole: page + "?code=" + shown, Poll: DevicePoll, For: DeviceFor}, err
}

// roomForDevice refuses a device of an address of which enough wait. When all
// places are taken, the address that has the most gives up its oldest: whoever
// takes them all keeps nobody else out.
func roomForDevice(tx *store.Tx, address string, now time.Time) error {
	waiting, err := tx.WaitingDevices(now)
	if err != nil {
		return err
	}
	oldest, of, most := map[string][]byte{}, map[string]int{}, ""
	for _, d := range waiting {
		key := auth.AddressKey(d.Address)
		if oldest[key] == nil {
			oldest[key] = d.Hash
		}
		if of[key]++; of[key] > of[most] {
			most = key
		}
	}
	own := of[auth.AddressKey(address)]
	full := len(waiting) >= maxDevices
	if own >= maxDevicesOf || full && of[most] <= own+1 {
		return fmt.Errorf("%w: too many devices wait for an answer; try again in a few minutes", elevation.ErrLimit)
	}
	if full {
		return tx.DeleteDevice(oldest[most])
	}
	return nil
}

func hashOf(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

// RedeemDevice answers a device that asks whether it was allowed: with a token,
// once, or with one of the errors above.
func (d *Directory) RedeemDevice(ctx context.Context, code, address string) (t store.APIToken, text string, owner store.User, err error) {
	now := d.cfg.Now()
	if raw, err := base64.RawURLEncoding.DecodeString(code); err != nil || len(raw) != 32 {
		return t, "", owner, d.unknownDevice(address)
	}
	hash := hashOf(code)
	var dev store.Device
	err = d.view(ctx, func(tx *store.Tx) error { dev, err = tx.Device(hash); return err })
	switch {
	case errors.Is(err, elevation.ErrNotFound):
		return t, "", owner, d.unknownDevice(address)
	case err != nil:
		return t, "", owner, err
	case !now.Before(dev.ExpiresAt):
		return t, "", owner, ErrDeviceExpired
	case dev.Denied:
		return t, "", owner, ErrDeviceDenied
	case !d.onTime(string(hash), now):
		return t, "", owner, ErrDeviceSlow
	case dev.User == "":
		return t, "", owner, ErrDevicePending
	}
	t, text = auth.NewToken(dev.User, audit.Clip("device "+dev.Name, 200), DeviceTokenFor, now)
	err = d.update(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteDevice(hash); err != nil {
			return err
		}
		if owner, err = tx.User(dev.User); err != nil {
			return err
		}
		if !owner.DisabledAt.IsZero() {
			return ErrDeviceDenied
		}
		t.MadeBy = owner.HeldBy // who holds the account may be who allowed it
		if err := tx.InsertAPIToken(t); err != nil {
			return err
		}
		who := elevation.Actor{Kind: elevation.ByUser, ID: string(owner.ID), Name: owner.Login}
		return tx.Append(d.event(who, audit.TokenCreated, map[string]string{"token": string(t.ID), "name": t.Name, "user": string(owner.ID), "login": owner.Login, "address": address}))
	})
	if errors.Is(err, elevation.ErrNotFound) {
		err = ErrDeviceExpired // another call was faster
	}
	return t, text, owner, err
}

// unknownDevice counts guesses.
func (d *Directory) unknownDevice(address string) error {
	if err := d.limit(d.guessed, address); err != nil {
		return err
	}
	return ErrDeviceExpired
}

// onTime notes a question of a device; one that comes too soon makes the wait
// longer.
func (d *Directory) onTime(hash string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, known := d.polls[hash]
	if !known {
		if len(d.polls) >= 2*maxDevices {
			for h, old := range d.polls {
				if now.Sub(old.at) > DeviceFor {
					delete(d.polls, h)
				}
			}
		}
		d.polls[hash] = poll{now, DevicePoll}
		return true
	}
	early := now.Sub(p.at) < p.every-500*time.Millisecond // clocks differ, and calls take time
	if early && p.every < time.Minute {
		p.every += DevicePoll
	}
	p.at = now
	d.polls[hash] = p
	return !early
}

// Device is a device that waits, as its user sees it before allowing it.
// Whoever types codes at random is stopped.
func (d *Directory) Device(ctx context.Context, act auth.Actor, code string) (dev store.Device, err error) {
	if act.User == "" || !act.Session || act.Token != "" {
		return dev, d.noSession(ctx, act)
	}
	if wait := d.codes.TakeOrWait(string(act.User), d.cfg.Now()); wait > 0 {
		return dev, &auth.RateError{Wait: wait}
	}
	unknown := fmt.Errorf("no device waits with this code: %w", elevation.ErrNotFound)
	shown, err := elevation.ReadCode(code)
	if err != nil {
		return dev, unknown
	}
	err = d.view(ctx, func(tx *store.Tx) error { dev, err = tx.DeviceByCode(hashOf(shown)); return err })
	if errors.Is(err, elevation.ErrNotFound) || err == nil && (!d.cfg.Now().Before(dev.ExpiresAt) || dev.User != "" || dev.Denied) {
		return store.Device{}, unknown
	}
	return dev, err
}

func (d *Directory) noSession(ctx context.Context, act auth.Actor) error {
	if act.User == "" {
		return auth.ErrUnauthenticated
	}
	return d.refuse(ctx, act, "device.allow", fmt.Errorf("%w: a token lets no device in; sign in to the console", elevation.ErrNotAllowed))
}

// AnswerDevice allows or denies a device. Who allows it owns its token, and must
// have signed in, or shown to be there, within the last five minutes.
func (d *Directory) AnswerDevice(ctx context.Context, act auth.Actor, code string, allow bool) error {
	dev, err := d.Device(ctx, act, code)
	if err != nil {
		return err
	}
	now := d.cfg.Now()
	if allow {
		if err := act.Can(auth.TokensOwn); err != nil {
			return d.refuse(ctx, act, "device.allow", err)
		}
		if err := act.Present(now); err != nil {
			return d.refuse(ctx, act, "device.allow", err)
		}
	}
	return d.update(ctx, func(tx *store.Tx) error {
		if allow {
			if err := tx.RoomForToken(act.User); err != nil {
				return err
			}
		}
		if err := tx.AnswerDevice(dev.Code, act.User, !allow, now); err != nil {
			return fmt.Errorf("no device waits with this code: %w", err)
		}
		return tx.Append(d.event(act.Elevation(), audit.AuthDevice, map[string]string{"name": dev.Name, "address": dev.Address, "allow": fmt.Sprint(allow)}))
	})
}
