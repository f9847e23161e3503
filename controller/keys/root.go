package keys

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/assent-epm/assent/shared/durable"
)

// The root key signs key sets and nothing else, so it can be kept elsewhere. A
// set is needed anew every 90 days; the present one is good for 90 days more.

// ErrNoRoot says that the private root key is needed and was removed.
var ErrNoRoot = errors.New("the root key is not here")

// ExportRoot reads the private root key of a folder of keys and hands it over as
// PEM. With remove it is deleted from the folder once hand has returned without
// an error; nobody may have these keys open then, for they would still know it.
func ExportRoot(dir string, remove bool, hand func(pem []byte) error) error {
	k := &Keys{dir: dir}
	if err := k.loadRoot(); err != nil {
		return fmt.Errorf("export the root key: %w", err)
	}
	if k.root.Key == nil {
		return fmt.Errorf("export the root key: %w: it was removed before", ErrNoRoot)
	}
	text, err := k.read(fileRoot)
	if err != nil {
		return fmt.Errorf("export the root key: %w", err)
	}
	if err := hand(text); err != nil || !remove {
		return err
	}
	if err := errors.Join(durable.Remove(k.path(fileRoot)), durable.Remove(k.path(fileRoot+durable.Unfinished)), durable.SyncDir(dir)); err != nil {
		return fmt.Errorf("remove the root key: %w", err)
	}
	return nil
}

// RootWanted says until when the root key must be brought back; false while it
// is here, or no new key set is due.
func (k *Keys) RootWanted() (until time.Time, wanted bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	newest := k.set.Keys[len(k.set.Keys)-1]
	return newest.NotAfter, k.root.Key == nil && !k.now().Before(newest.NotAfter.Add(-grantKeyRotate))
}

// missing is [ErrNoRoot] with what to do.
func (k *Keys) missing() error {
	place := k.path(fileRoot)
	if whole, err := filepath.Abs(place); err == nil {
		place = whole
	}
	return fmt.Errorf("%w and a new key set is due: stop the controller, put the exported PEM back as %s (mode 0600, of the controller's account), start the controller, and remove the key again if it is to be elsewhere", ErrNoRoot, place)
}
