package privilege

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPlacesOfMac(t *testing.T) {
	dir := t.TempDir()
	real, err := macFiles{}.real(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(real, 0o777); err != nil { // root's folder, where root runs this
		t.Fatal(err)
	}
	link := filepath.Join(real, "link")
	if err := os.Symlink("/bin/zsh", link); err != nil {
		t.Fatal(err)
	}
	placesContract(t, macFiles{}, link, real)
}
