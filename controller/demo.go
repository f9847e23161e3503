package controller

import (
	"context"
	"fmt"
	"net"

	"github.com/assent-epm/assent/controller/demo"
	"github.com/assent-epm/assent/controller/store"
)

// cast prints the address of each role's seat that a visitor may take: "role NAME
// LOGIN URL".
func (c *Controller) cast() {
	for _, p := range demo.Cast() {
		fmt.Fprintf(c.cfg.Out, "role %s %s %s\n", p.Role, p.Login, c.doors.Address(p.Login))
	}
}

// linkOf makes a sign-in link of a login.
func (c *Controller) linkOf(ctx context.Context, login string) (string, error) {
	var u store.User
	if err := c.store.View(ctx, func(tx *store.Tx) (err error) { u, err = tx.UserByLogin(login); return err }); err != nil {
		return "", fmt.Errorf("find %s of the demonstration: %w", login, err)
	}
	link, err := c.accounts.NewLink(ctx, u.ID)
	return signInURL(c.public, link), err
}

// past makes what happened before a demonstration began, before anybody is
// served, and gives the first administrator a token of today.
func (c *Controller) past(ctx context.Context) (token string, err error) {
	for _, l := range []net.Listener{c.web, c.agents} {
		if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
			return "", fmt.Errorf("a demonstration is for this machine alone, and %s is no address on loopback", l.Addr())
		}
	}
	if err := demo.Make(ctx, demo.Config{Store: c.store, Queue: c.queue, Admin: c.admin, Clock: c.clock, Seed: 1}); err != nil {
		return "", err
	}
	return renewAdminToken(ctx, c.store, c.cfg.Now())
}
