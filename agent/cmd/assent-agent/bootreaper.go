package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/assent-epm/assent/agent/acl"
)

// This file decides how Windows and macOS are told to run the reaper at the machine's
// start, and Windows what to do when the service fails; task_*.go and settle_windows.go
// have the calls. What they are told word for word stands in scheduled.go and launchd.go.

// tasks is what Windows does with the reaper's task.
type tasks interface {
	define(definition []byte) (path string, err error) // a file of administrators alone
	create(path string) error                          // in place of an older one
	forget(path string) error                          // the definition
	folder() (acl.List, error)                         // in which the task is
	there() (bool, error)
	remove() error
}

// scheduleTask has Windows run the reaper. Everybody may make folders of tasks, and put
// tasks into them: whoever made ours before us, or may change what is in it, could switch
// the task off, which is told and keeps nobody from being served.
func scheduleTask(sys tasks, exe, line, self string, log *slog.Logger) error {
	path, err := sys.define(wide(reapTask(exe, line)))
	if err != nil {
		return fmt.Errorf("write the definition of the reaper's task: %w", err)
	}
	if err := errors.Join(sys.create(path), sys.forget(path)); err != nil {
		return err
	}
	list, err := sys.folder()
	if err == nil && !list.For(self).OnlyPrivileged(true) {
		err = fmt.Errorf("others than administrators can change it; it belongs to %s", list.Owner)
	}
	if err != nil {
		log.Error("the task that takes back at the machine's start may be switched off by others; remove its folder, Assent, in the Task Scheduler and start the service again", "error", err)
	}
	return nil
}

// unscheduleTask lets the task go; that it never was there is no error.
func unscheduleTask(sys tasks) error {
	there, err := sys.there()
	if err != nil || !there {
		return err
	}
	return sys.remove()
}

// bootJobs is what macOS does with the reaper's job.
type bootJobs interface {
	write(plist []byte) error // in place of an older one
	load() error
	unload() error
	remove() error // the file; that it is gone already is no error
}

// scheduleJob has launchd run the reaper, an older one no more.
func scheduleJob(sys bootJobs, exe, data string) error {
	if err := sys.write([]byte(reapPlist(exe, data))); err != nil {
		return fmt.Errorf("write the reaper's job: %w", err)
	}
	_ = sys.unload() // there may be none
	return sys.load()
}

// unscheduleJob lets the job go.
func unscheduleJob(sys bootJobs) error {
	_ = sys.unload() // it may not be loaded
	if err := sys.remove(); err != nil {
		return fmt.Errorf("remove the reaper's job: %w", err)
	}
	return nil
}

// Windows starts the service again after each of these times when it has failed, and
// counts anew after a time without failures.
var restartAfter = []time.Duration{5 * time.Second, 15 * time.Second, time.Minute}

const forgetFailures = 24 * time.Hour

// settleWith makes sure of what an MSI can not say in its tables, each time the
// service starts: that it is started again when it fails, and the task that takes
// back without it. One that fails keeps the other from nothing.
func settleWith(ctx context.Context, restart func(after []time.Duration, forget time.Duration) error, schedule func(context.Context) error) error {
	return errors.Join(restart(restartAfter, forgetFailures), schedule(ctx))
}
