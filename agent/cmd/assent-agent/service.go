package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/agent"
	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

const serviceName = "assent-agent"

// program lets the service manager of the machine start and stop the daemon:
// systemd and others by signals, Windows by its service control.
type program struct {
	set     *settings
	parent  context.Context
	cancel  context.CancelFunc
	ended   chan struct{}
	failure error // of the daemon; read after ended
}

// Start implements service.Interface; it must not block.
func (p *program) Start(service.Service) error {
	ctx, cancel := context.WithCancel(p.parent)
	p.cancel, p.ended = cancel, make(chan struct{})
	go func() {
		defer close(p.ended)
		p.failure = serve(ctx, p.set)
	}()
	return nil
}

// wait is over when this process shall stop, or when the daemon failed: then the
// service manager sees it and starts it again.
func (p *program) wait() {
	select {
	case <-p.parent.Done():
	case <-p.ended:
	}
}

// Stop implements service.Interface.
func (p *program) Stop(service.Service) error {
	p.cancel()
	<-p.ended
	return p.failure
}

func newService(ctx context.Context, set *settings) (service.Service, error) {
	p := &program{set: set, parent: ctx}
	return service.New(p, &service.Config{Name: serviceName, DisplayName: "Assent agent",
		Description: "Elevation on request", Arguments: append([]string{"run"}, set.ownFolders()...),
		Option: service.KeyValue{"RunWait": p.wait, "OnFailure": "restart", "OnFailureDelayDuration": "5s", "OnFailureResetPeriod": 60}})
}

func serviceCommands(set *settings) []*cobra.Command {
	verb := func(use, short string, act func(context.Context, *settings) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
			if _, err := set.load(); err != nil {
				return err
			}
			return act(c.Context(), set)
		}}
	}
	return []*cobra.Command{
		packageVerb(set, "install", "Install the service and start it with the machine", install, installPackage),
		packageVerb(set, "uninstall", "End every grant, take the plugin out of sudo and remove the service", uninstall, uninstallPackage),
		verb("start", "Start the service", func(ctx context.Context, s *settings) error { return control(ctx, s, "start") }),
		verb("stop", "Stop the service", func(ctx context.Context, s *settings) error { return control(ctx, s, "stop") }),
		verb("status", "Say whether the service runs", status),
	}
}

func control(ctx context.Context, set *settings, action string) error {
	s, err := newService(ctx, set)
	if err != nil {
		return fmt.Errorf("%s the service: %w", action, err)
	}
	if err := service.Control(s, action); err != nil {
		return hinted{fmt.Errorf("%s the service: %w", action, err), "run it as administrator; is the service installed?"}
	}
	return nil
}

// showPolicy says what the controller wants of this endpoint, to whoever may read
// it: root.
func showPolicy(set *settings) error {
	p, err := agent.ReadPolicy(set.data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		mode := string(elevation.ModeAsk)
		if id, err := link.Load(set.data); err == nil && id.Mode != "" {
			mode = id.Mode
		}
		fmt.Printf("mode %s, no policy\n", inert.Text(mode))
		return nil
	case errors.Is(err, fs.ErrPermission):
		return nil
	case err != nil:
		return hinted{err, "the agent does not start like this; enrol the endpoint again if the file can not be restored"}
	}
	fmt.Printf("mode %s\npolicy %s, version %d\n", inert.Text(agent.ModeText(p, time.Now())), inert.Text(p.Name), p.Version)
	return nil
}

func status(ctx context.Context, set *settings) error {
	s, err := newService(ctx, set)
	if err != nil {
		return err
	}
	state, err := s.Status()
	if err != nil {
		return hinted{fmt.Errorf("the service manager knows no such service: %w", err), "assent-agent install installs it"}
	}
	switch state {
	case service.StatusRunning:
		fmt.Println("running")
		return showPolicy(set)
	case service.StatusStopped:
		return hinted{fmt.Errorf("the service is stopped"), "assent-agent start"}
	}
	return hinted{fmt.Errorf("the state of the service is not known"), "assent-agent install installs it"}
}
