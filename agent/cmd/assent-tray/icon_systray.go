//go:build windows || tray

package main

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/getlantern/systray"

	"github.com/assent-epm/assent/agent/tray"
)

const iconSize = 48 // pixels, where one picture serves for every size

// slot is one line of the menu, which shows what it is told.
type slot struct {
	item *systray.MenuItem

	mu   sync.Mutex // guards the fields below
	key  string
	text string
}

func newSlot() *slot {
	s := &slot{item: systray.AddMenuItem("", "")}
	s.item.Hide()
	return s
}

// show is quiet where nothing has changed: a menu that is open flickers.
func (s *slot) show(it tray.Item) {
	s.mu.Lock()
	was, key := s.text, s.key
	s.text, s.key = it.Text, it.Key
	s.mu.Unlock()
	if it.Text == was && it.Key == key {
		return
	}
	if it.Text == "" {
		s.item.Hide()
		return
	}
	s.item.SetTitle(it.Text)
	if it.Key == "" {
		s.item.Disable()
	} else {
		s.item.Enable()
	}
	s.item.Show()
}

func (s *slot) pressed() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key
}

// showIcon shows states until ctx ends. It must be called by main's own thread.
func showIcon(ctx context.Context, states <-chan tray.State, click func(key string)) {
	var work sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	systray.Run(func() {
		above := make([]*slot, 2+tray.MaxLines)
		for i := range above {
			above[i] = newSlot()
		}
		systray.AddSeparator()
		below := make([]*slot, 3)
		for i := range below {
			below[i] = newSlot()
		}
		for _, s := range slices.Concat(above, below) {
			work.Go(func() {
				for {
					select {
					case <-s.item.ClickedCh:
						if key := s.pressed(); key != "" {
							click(key)
						}
					case <-ctx.Done():
						return
					}
				}
			})
		}
		work.Go(func() { follow(ctx, states, above, below) })
	}, cancel)
	cancel()
	work.Wait()
}

// follow draws each state. The library does not copy the picture, so the last one
// is kept until the next.
func follow(ctx context.Context, states <-chan tray.State, above, below []*slot) {
	defer systray.Quit()
	var look tray.Look
	var picture []byte
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-states:
			if now := s.Look(); now != look {
				if next, err := drawing(now); err == nil {
					systray.SetIcon(next)
					look, picture = now, next
				}
			}
			systray.SetTooltip("Assent: " + s.Headline())
			menu := tray.Menu(s)
			at := slices.IndexFunc(menu, func(it tray.Item) bool { return it.Separator })
			fill(above, menu[:at])
			fill(below, menu[at+1:])
			runtime.KeepAlive(picture)
		}
	}
}

func fill(slots []*slot, items []tray.Item) {
	for i, s := range slots {
		if i < len(items) {
			s.show(items[i])
		} else {
			s.show(tray.Item{})
		}
	}
}

func drawing(l tray.Look) ([]byte, error) {
	if runtime.GOOS == "windows" {
		return tray.ICO(l)
	}
	return tray.PNG(l, iconSize)
}
