package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	trays "github.com/assent-epm/assent/agent/companion"
)

// The program beside the clock, and the name under which the installer has it
// started at log-in.
const (
	trayProgram = "assent-tray.exe"
	trayEntry   = "Assent"
)

// keepTray starts the program beside the clock again, where somebody's has ended.
func (p *parts) keepTray(ctx context.Context) error {
	own, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	k := &trays.Keeper{Desk: trays.Here{Program: filepath.Join(filepath.Dir(own), trayProgram), Entry: trayEntry}, Alive: p.agent.Sitting, Log: p.log}
	return k.Keep(ctx)
}
