package keep

import (
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/assent-epm/assent/agent/acl"
)

const protects = true

func folder(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return acl.ClaimHere(path)
}

// purpose is mixed in, so that what was protected for something else is not read as
// ours. It is no secret.
const purpose = "assent agent 1"

const machineOnly = windows.CRYPTPROTECT_LOCAL_MACHINE | windows.CRYPTPROTECT_UI_FORBIDDEN

// vault is the data protection of this machine (DPAPI).
type vault struct{}

func (vault) protect(secret []byte) ([]byte, error) {
	in, mixed, out := blob(secret), blob([]byte(purpose)), windows.DataBlob{}
	if err := windows.CryptProtectData(in, nil, mixed, 0, nil, machineOnly, &out); err != nil {
		return nil, err
	}
	return taken(out)
}

func (vault) reveal(raw []byte) ([]byte, error) {
	in, mixed, out := blob(raw), blob([]byte(purpose)), windows.DataBlob{}
	if err := windows.CryptUnprotectData(in, nil, mixed, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &out); err != nil {
		return nil, err
	}
	return taken(out)
}

func blob(raw []byte) *windows.DataBlob {
	return &windows.DataBlob{Size: uint32(len(raw)), Data: unsafe.SliceData(raw)}
}

// taken copies what the system made and gives its memory back, emptied.
func taken(from windows.DataBlob) ([]byte, error) {
	theirs := unsafe.Slice(from.Data, from.Size)
	out := append([]byte{}, theirs...)
	clear(theirs)
	_, err := windows.LocalFree(windows.Handle(unsafe.Pointer(from.Data)))
	return out, err
}
