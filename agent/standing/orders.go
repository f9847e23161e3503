package standing

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/assent-epm/assent/agent/keep"
)

// keptOrders is how many orders are remembered by their ids. Of those before,
// only the time is: an order that is not younger is an old one played back.
const keptOrders = 512

// orders is what was obeyed.
type orders struct {
	Before time.Time `cbor:"before"` // everything up to here is old
	Seen   []seen    `cbor:"seen"`
}

type seen struct {
	ID string    `cbor:"id"`
	At time.Time `cbor:"at"`
}

func (s *Standing) ordersPath() string { return filepath.Join(s.dir(), "orders") }

func (s *Standing) readOrders() (o orders, err error) {
	err = keep.Read(s.ordersPath(), &o)
	if errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	if err != nil {
		return o, fmt.Errorf("read the orders: %w", err)
	}
	return o, nil
}

// Fresh reports whether an order was not obeyed yet. When that can not be known,
// nothing is fresh.
func (s *Standing) Fresh(id string, at time.Time) (bool, error) {
	o, err := s.readOrders()
	if err != nil {
		return false, err
	}
	return (o.Before.IsZero() || at.After(o.Before)) && !slices.ContainsFunc(o.Seen, func(x seen) bool { return x.ID == id }), nil
}

// Obeyed remembers an order.
func (s *Standing) Obeyed(id string, at time.Time) error {
	return s.locked(func() error {
		o, err := s.readOrders()
		if err != nil {
			return err
		}
		o.Seen = append(o.Seen, seen{ID: id, At: at})
		for len(o.Seen) > keptOrders {
			if o.Seen[0].At.After(o.Before) {
				o.Before = o.Seen[0].At
			}
			o.Seen = o.Seen[1:]
		}
		if err := keep.Write(s.ordersPath(), o); err != nil {
			return fmt.Errorf("remember an order: %w", err)
		}
		return nil
	})
}
