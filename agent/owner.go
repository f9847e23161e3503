package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
)

// fileOwner says of which identity the grants in the data folder are.
const fileOwner = "owner"

// disown takes back what was granted to another identity of this machine: it was
// enrolled anew since, perhaps with another controller, whose word the grants are
// not. What can not be ended now stays due.
func (a *Agent) disown(ctx context.Context) error {
	path := filepath.Join(a.Data, fileOwner)
	mine := a.Cluster + " " + string(a.Endpoint) + "\n"
	was, err := os.ReadFile(path)
	switch {
	case err == nil && string(was) == mine:
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read whose grants these are: %w", err)
	case err == nil:
		for _, e := range a.Ledger.All() {
			if e.State == grants.Ended {
				continue
			}
			a.Log.Warn("a grant of another identity of this machine is taken back", "grant", e.ID)
			if _, err := a.Ledger.End(ctx, a.Trees, e, elevation.RevokedEnd); err != nil {
				a.Log.Error("take back a grant of another identity", "grant", e.ID, "error", err)
			}
		}
	}
	if err := durable.Replace(path, []byte(mine)); err != nil {
		return fmt.Errorf("note whose grants these are: %w", err)
	}
	return nil
}
