package main

import (
	"context"
	"errors"
	"os"
	"unsafe"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
)

// runService serves under the service manager or in the foreground.
func runService(ctx context.Context, set *settings, _ service.Service) error {
	parent, err := parentProgram()
	return underManager(parent, err, func() error { return serveManager(ctx, set) }, func() error { return serve(ctx, set) })
}

// serveManager is the service to Windows itself: the library that installs it does not
// tell when the machine has slept.
func serveManager(ctx context.Context, set *settings) error {
	log, closeLog := serviceLog(set.data)
	defer closeLog()
	h := &handler{ctx: ctx, service: managed{log: log,
		settle: func(ctx context.Context) error { return settle(ctx, set, log) },
		serve:  func(ctx context.Context, woke <-chan struct{}) error { return serveAs(ctx, set, true, woke) }}}
	err := svc.Run(serviceName, h)
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return errNoManager
	}
	return errors.Join(err, h.failure)
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

// handler is the service as Windows knows it.
type handler struct {
	ctx     context.Context
	service managed
	failure error
}

// failedCode says that the service failed: Windows then starts it again.
const failedCode = 1

// Execute implements svc.Handler.
func (h *handler) Execute(_ []string, asked <-chan svc.ChangeRequest, tell chan<- svc.Status) (specific bool, code uint32) {
	if h.failure = follow(h.ctx, h.service, asked, orderOf, func(p phase) { tell <- statusOf(p) }); h.failure != nil {
		return true, failedCode
	}
	return false, 0
}

func orderOf(r svc.ChangeRequest) order {
	switch r.Cmd {
	case svc.Interrogate:
		return order{kind: orderTell}
	case svc.Stop, svc.Shutdown:
		return order{kind: orderStop}
	case svc.PowerEvent:
		return order{kind: orderPower, event: r.EventType}
	}
	return order{}
}

func statusOf(p phase) svc.Status {
	return map[phase]svc.Status{
		phaseStarts: {State: svc.StartPending},
		phaseRuns:   {State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown | svc.AcceptPowerEvent},
		phaseStops:  {State: svc.StopPending},
	}[p]
}

// hasStderr reports whether there is somewhere to write to.
func hasStderr() bool {
	_, err := os.Stderr.Stat()
	return err == nil
}
