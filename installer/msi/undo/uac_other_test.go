//go:build !windows

package main

import "testing"

func registries() map[string]func(*testing.T) place {
	return map[string]func(*testing.T) place{"memory": inMemory}
}
