package tray

import (
	"cmp"
	"context"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file is how a form follows its request: by notices, and by reading it anew.

// refresh reads the request anew, aside.
func (f *Form) refresh() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stale = true
	if f.reading || f.ctx.Err() != nil {
		return
	}
	f.reading = true
	f.work.Go(func() {
		for id := f.nextReading(); id != ""; id = f.nextReading() {
			f.view(f.ctx, id)
		}
	})
}

// nextReading is the request that is to be read, "" = nothing is. One reading
// follows the other: an answer from before never replaces a later one.
func (f *Form) nextReading() elevation.RequestID {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := cmp.Or(f.id, f.draft)
	if !f.stale || f.ctx.Err() != nil {
		id = ""
	}
	f.stale, f.reading = false, id != ""
	return id
}

func (f *Form) view(ctx context.Context, id elevation.RequestID) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	it, err := f.cfg.Agent.View(ctx, string(id))
	if err != nil {
		f.cfg.Log.Info("a request can not be read", "request", id, "error", err)
		return
	}
	f.mu.Lock()
	same := f.item != nil && reflect.DeepEqual(*f.item, it)
	f.viewed = f.cfg.Now()
	f.mu.Unlock()
	if !same {
		f.change(func() { f.seeLocked(it) })
	}
}

// refreshIfOld reads the request anew when that was long ago: its place in the
// queue changes without a word.
func (f *Form) refreshIfOld(now time.Time) {
	f.mu.Lock()
	old := now.Sub(f.viewed) >= viewEvery
	f.mu.Unlock()
	if old {
		f.refresh()
	}
}

// seeLocked takes a request as it is.
func (f *Form) seeLocked(it local.Item) {
	f.item = &it
	if it.Wants != nil && it.Wants.Reason+len(it.Wants.Ticket) > 0 && f.reason == "" {
		f.draft, f.id, f.asked, f.wants = it.ID, "", false, it.Wants
		f.tongue = words.For(it.Wants.Words.Language, f.cfg.Env)
	} else {
		f.id, f.asked = it.ID, true
	}
	if f.program.Path == "" {
		f.program = Program{Name: base(it.Path), Path: it.Path, Args: it.Args}
		if it.Path == "" || strings.HasSuffix(it.Path, ".policy") {
			f.program = Program{Name: title(f.tongue, it)}
		}
	}
	if f.reason == "" {
		f.reason, f.ticket = it.Justification, it.Ticket
	}
}

// Hear takes a notice; true says that the form does what it asks for.
func (f *Form) Hear(ctx context.Context, n local.Notice) bool {
	f.mu.Lock()
	known := n.Request == f.id || n.Request == f.draft
	looking := f.hold != nil && f.id == "" && f.draft == ""
	f.mu.Unlock()
	switch {
	case known:
		f.refresh()
		return n.Kind == "reason"
	case looking && slices.Contains([]string{"reason", "queued", "asked", "approved", "started"}, n.Kind):
		return f.adopt(ctx, n)
	}
	return false
}

// adopt takes the attempt of this form, which has a name only now.
func (f *Form) adopt(ctx context.Context, n local.Notice) bool {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	it, err := f.cfg.Agent.View(ctx, string(n.Request))
	if err != nil {
		return false
	}
	f.mu.Lock()
	same := fromDoor(it) && !it.At.Before(f.begun) && len(it.Args) == len(f.program.Args) && samePath(it.Path, f.program.Path)
	f.mu.Unlock()
	if same {
		f.change(func() { f.seeLocked(it) })
	}
	return same && n.Kind == "reason"
}

// samePath reports whether a path as it was asked for is one as the agent knows it.
func samePath(known, asked string) bool {
	if strings.EqualFold(known, asked) || !filepath.IsAbs(asked) && base(known) == base(asked) {
		return true
	}
	real, err := filepath.EvalSymlinks(asked)
	return err == nil && strings.EqualFold(known, real)
}

// Has reports whether the form is about a request.
func (f *Form) Has(id elevation.RequestID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return id != "" && (f.id == id || f.draft == id)
}

// Alone says that nobody looks at the page any more: what is approved from now on
// waits for them, and does not begin by itself.
func (f *Form) Alone() {
	f.mu.Lock()
	hold, waits := f.hold, f.id != "" && f.item != nil && f.item.State == string(elevation.StatePending)
	f.mu.Unlock()
	if hold != nil && waits {
		hold()
		f.change(func() { f.hold = nil })
	}
}
