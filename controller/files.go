package controller

import (
	"fmt"
	"os"
	"path/filepath"
)

const addressesFile = "addresses.json"

// addresses is what scripts read to find a controller that chose its ports.
type addresses struct {
	Listen      string `json:"listen"`
	AgentListen string `json:"agent_listen"`
	Public      string `json:"public_url"`
}

// writeFile replaces a file in one step, readable by its owner only.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	defer os.Remove(f.Name()) // gone already after the rename
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}
