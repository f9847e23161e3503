package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"unsafe"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
)

// runService serves under the service manager if that has started this process,
// and in the foreground otherwise.
func runService(ctx context.Context, set *settings, _ service.Service) error {
	if !byManager(parentProgram()) {
		return serve(ctx, set)
	}
	d := &daemon{ctx: ctx, set: set, woke: make(chan struct{}, 1)}
	err := svc.Run(serviceName, d)
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return serve(ctx, set)
	}
	return errors.Join(err, d.failure)
}

// parentProgram is the name of the program that started this one, "" when it is gone.
func parentProgram() (string, error) {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return "", err
	}
	defer windows.CloseHandle(snapshot)
	names := map[uint32]string{}
	e := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err := windows.Process32First(snapshot, &e); err == nil; err = windows.Process32Next(snapshot, &e) {
		names[e.ProcessID] = windows.UTF16ToString(e.ExeFile[:])
	}
	return names[uint32(os.Getppid())], nil
}

// daemon is the service as Windows knows it.
type daemon struct {
	ctx     context.Context
	set     *settings
	woke    chan struct{} // the machine has slept; holds one
	failure error
}

// failedCode says that the service failed: Windows then starts it again.
const failedCode = 1

// Execute implements svc.Handler.
func (d *daemon) Execute(_ []string, asked <-chan svc.ChangeRequest, tell chan<- svc.Status) (specific bool, code uint32) {
	tell <- svc.Status{State: svc.StartPending}
	ctx, stop := context.WithCancel(d.ctx)
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := settle(ctx, d.set); err != nil {
			slog.Warn("the service goes on without being settled", "error", err)
		}
		d.failure = serveAs(ctx, d.set, true, d.woke)
	}()
	is := svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown | svc.AcceptPowerEvent}
	tell <- is
	for {
		select {
		case <-ended:
			if d.failure == nil {
				return false, 0
			}
			slog.Error("the service ends", "error", d.failure)
			return true, failedCode
		case r := <-asked:
			switch r.Cmd {
			case svc.Interrogate:
				tell <- is
			case svc.Stop, svc.Shutdown:
				is = svc.Status{State: svc.StopPending}
				tell <- is
				stop()
			case svc.PowerEvent:
				if resumes(r.EventType) {
					select {
					case d.woke <- struct{}{}:
					default: // it is known already
					}
				}
			}
		}
	}
}

// hasStderr reports whether there is somewhere to write to.
func hasStderr() bool {
	_, err := os.Stderr.Stat()
	return err == nil
}
