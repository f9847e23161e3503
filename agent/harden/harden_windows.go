package harden

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows"
)

func process() error {
	err := errors.Join(windows.SetDefaultDllDirectories(windows.LOAD_LIBRARY_SEARCH_SYSTEM32), windows.SetDllDirectory(""))
	if err != nil {
		return fmt.Errorf("load libraries of the system alone: %w", err)
	}
	return nil
}
