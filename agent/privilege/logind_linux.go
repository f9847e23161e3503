package privilege

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"
)

// What logind says on the system's message bus.
const (
	logindPath    = "/org/freedesktop/login1"
	logindSession = "org.freedesktop.login1.Session"
	logindManager = "org.freedesktop.login1.Manager"
	properties    = "org.freedesktop.DBus.Properties"
)

// WatchLogins calls hear for every login session whose screen is locked or that
// is over, until ctx ends or the message bus is lost. Where there is no logind
// the error says so: sessions end with their leaders there, and no lock is seen.
func WatchLogins(ctx context.Context, hear func(LoginEvent)) error {
	if _, err := os.Stat("/run/systemd/seats"); err != nil {
		return errors.New("watch logins: logind does not run here")
	}
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("watch logins: %w", err)
	}
	defer conn.Close()
	for _, m := range [][]dbus.MatchOption{
		{dbus.WithMatchInterface(logindSession), dbus.WithMatchMember("Lock")},
		{dbus.WithMatchInterface(logindManager), dbus.WithMatchMember("SessionRemoved")},
		{dbus.WithMatchInterface(properties), dbus.WithMatchMember("PropertiesChanged"), dbus.WithMatchArg(0, logindSession)},
	} {
		m = append(m, dbus.WithMatchPathNamespace(logindPath), dbus.WithMatchSender("org.freedesktop.login1"))
		if err := conn.AddMatchSignalContext(ctx, m...); err != nil {
			return fmt.Errorf("watch logins: %w", err)
		}
	}
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case s, ok := <-signals:
			if !ok {
				return errors.New("watch logins: the message bus is gone")
			}
			if e, ok := loginEvent(s); ok {
				hear(e)
			}
		}
	}
}

func loginEvent(s *dbus.Signal) (LoginEvent, bool) {
	switch s.Name {
	case logindSession + ".Lock":
		return LoginEvent{Session: sessionOfPath(s.Path), Locked: true}, true
	case logindManager + ".SessionRemoved":
		if len(s.Body) > 0 {
			if id, ok := s.Body[0].(string); ok {
				return LoginEvent{Session: id}, true
			}
		}
	case properties + ".PropertiesChanged":
		if len(s.Body) < 2 {
			return LoginEvent{}, false
		}
		changed, ok := s.Body[1].(map[string]dbus.Variant)
		if locked, is := changed["LockedHint"].Value().(bool); ok && is && locked {
			return LoginEvent{Session: sessionOfPath(s.Path), Locked: true}, true
		}
	}
	return LoginEvent{}, false
}

// sessionOfPath reads the id out of an object's path, where bytes that are not
// allowed there are written as _ and two hex digits.
func sessionOfPath(path dbus.ObjectPath) string {
	name := string(path[strings.LastIndexByte(string(path), '/')+1:])
	var id []byte
	for i := 0; i < len(name); i++ {
		if name[i] == '_' && i+2 < len(name) {
			if b, err := strconv.ParseUint(name[i+1:i+3], 16, 8); err == nil {
				id, i = append(id, byte(b)), i+2
				continue
			}
		}
		id = append(id, name[i])
	}
	return string(id)
}
