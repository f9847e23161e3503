//go:build !windows

package main

import "testing"

func machines() map[string]func(*testing.T) machine {
	return map[string]func(*testing.T) machine{"memory": inMemory}
}
