//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// forward passes the signals of a terminal on.
func forward(p *os.Process) (stop func()) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				_ = p.Signal(s) // it may have ended already
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(signals); close(done) }
}
