package offline

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/sign"
)

// kept is the form of the file of a bundle.
type kept struct {
	Raw      []byte        `cbor:"raw"` // as signed
	Received grants.Moment `cbor:"received"`
	Skew     time.Duration `cbor:"skew"` // of the wall clock then
}

// rulesKept is how long the rules stay in memory after their last use.
const rulesKept = time.Minute

// Adopt verifies and keeps a bundle in place of the one before. One that does not
// verify or is older than the newest ever kept is not taken, and not asked for
// again: an error is one of the disk.
func (o *Offline) Adopt(raw []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, err := o.open(raw)
	if err != nil {
		o.cfg.Log.Error("a bundle of rules is refused", "error", err)
		return nil
	}
	if b.Number <= o.number {
		o.cfg.Log.Warn("an older bundle of rules is not taken", "number", b.Number, "has", o.number)
		return nil
	}
	if err := o.write(fileNumber, b.Number); err != nil { // first: an older one is never good again
		return err
	}
	o.number = b.Number
	o.unparse()
	if err := o.write(fileBundle, kept{Raw: raw, Received: o.cfg.Clock(), Skew: o.cfg.Skew()}); err != nil {
		return err
	}
	o.cfg.Log.Info("rules for times without the controller are kept", "number", b.Number, "version", b.Version, "until", b.NotAfter)
	return nil
}

// open verifies a bundle's signature and that it is for this endpoint.
func (o *Offline) open(raw []byte) (elevation.Bundle, error) {
	var b elevation.Bundle
	if err := o.cfg.KeySet().Open(sign.Bundle, raw, o.cfg.Clock().Wall, &b); err != nil {
		return elevation.Bundle{}, err
	}
	if b.Cluster != o.cfg.Cluster || b.Endpoint != o.cfg.Endpoint {
		return elevation.Bundle{}, errors.New("it is for another endpoint")
	}
	if b.Number == 0 || !b.At.Before(b.NotAfter) || b.NotAfter.Sub(b.At) > elevation.BundleLasts {
		return elevation.Bundle{}, errors.New("its times are not served")
	}
	return b, nil
}

// Bundle is the bundle that may be used now, or why there is none: [ErrNone],
// [ErrStale], [ErrClock], [ErrDamaged], or what the signature said.
func (o *Offline) Bundle() (elevation.Bundle, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.usableLocked()
}

func (o *Offline) usableLocked() (elevation.Bundle, error) {
	var k kept
	if err := o.read(fileBundle, &k); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = ErrNone
		}
		return elevation.Bundle{}, err
	}
	b, err := o.open(k.Raw)
	if err != nil {
		return b, fmt.Errorf("the bundle of rules: %w", err)
	}
	if b.Number != o.number {
		return elevation.Bundle{}, fmt.Errorf("the bundle of rules: %w: it is number %d, the newest was %d", ErrDamaged, b.Number, o.number)
	}
	return b, o.fresh(b, k, o.cfg.Clock())
}

// fresh says why a bundle can not be used now. It lasts by the wall clock and,
// within one boot, by the boot clock, whichever is over first.
func (o *Offline) fresh(b elevation.Bundle, k kept, now grants.Moment) error {
	if k.Skew.Abs() > MaxSkew {
		return fmt.Errorf("%w: it was %v from the controller's when the rules came", ErrClock, k.Skew.Round(time.Second))
	}
	if err := o.trusted(now, k.Received); err != nil {
		return err
	}
	if now.Wall.Before(b.At.Add(-MaxSkew)) {
		return fmt.Errorf("%w: it is before the rules were made", ErrClock)
	}
	age := max(k.Received.Wall.Sub(b.At), 0)
	if now.BootID == k.Received.BootID {
		age += now.Boot - k.Received.Boot
	}
	if !now.Wall.Before(b.NotAfter) || age >= elevation.BundleLasts {
		return ErrStale
	}
	return nil
}

// Answer is what the bundle says of an attempt, with the bundle's number. An error
// says why nobody can tell; it is never an approval.
func (o *Offline) Answer(a elevation.Attempt, ticket string) (rules.Outcome, elevation.Bundle, error) {
	o.mu.Lock()
	b, err := o.usableLocked()
	if err != nil {
		o.mu.Unlock()
		return rules.Outcome{}, b, err
	}
	set, err := o.parseLocked(b)
	o.mu.Unlock()
	if err != nil {
		return rules.Outcome{}, b, err
	}
	if a.AccessType != elevation.Run {
		return rules.Outcome{Sentence: "Only single programs are run without the controller."}, b, nil
	}
	return set.Answer(a, ticket, o.cfg.Clock().Wall), b, nil
}

func (o *Offline) parseLocked(b elevation.Bundle) (*rules.Bundled, error) {
	if o.parsed == nil || o.of != b.Number {
		set, err := rules.FromBundle(b)
		if err != nil {
			return nil, err
		}
		o.parsed, o.of = set, b.Number
	}
	if o.forget != nil {
		o.forget.Stop()
	}
	o.forget = time.AfterFunc(rulesKept, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.unparse()
	})
	return o.parsed, nil
}

func (o *Offline) unparse() {
	o.parsed, o.of = nil, 0
	if o.forget != nil {
		o.forget.Stop()
		o.forget = nil
	}
}

// Close stops what waits to be forgotten.
func (o *Offline) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unparse()
}
