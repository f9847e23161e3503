package machine

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Write puts a file into the running machine, with its folders, as root.
func (m *Machine) Write(path string, raw []byte, mode os.FileMode) error {
	root, err := m.files()
	if err != nil {
		return err
	}
	defer root.Close()
	path = strings.TrimPrefix(path, "/")
	if at := strings.LastIndexByte(path, '/'); at > 0 {
		if err := root.MkdirAll(path[:at], 0o755); err != nil {
			return fmt.Errorf("write %s on %s: %w", path, m.Name, err)
		}
	}
	if err := errors.Join(root.WriteFile(path, raw, mode), root.Chmod(path, mode)); err != nil {
		return fmt.Errorf("write %s on %s: %w", path, m.Name, err)
	}
	return nil
}

// Read is what a file on the running machine holds.
func (m *Machine) Read(path string) ([]byte, error) {
	root, err := m.files()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.ReadFile(strings.TrimPrefix(path, "/"))
}

// files is the machine's whole tree, and nothing outside of it: absolute links
// in it are refused instead of followed on the host.
func (m *Machine) files() (*os.Root, error) {
	pid, err := m.initPID()
	if err != nil {
		return nil, err
	}
	return os.OpenRoot(fmt.Sprintf("/proc/%d/root", pid))
}
