package tray

import (
	"io"
	"strings"
	"sync"

	"github.com/assent-epm/assent/shared/inert"
)

const maxTail = 8 << 10 // bytes of what a program writes that are kept

// tail keeps the end of what a program writes.
type tail struct {
	mu   sync.Mutex // guards text
	text []byte
}

func (t *tail) follow(r io.Reader, changed func()) {
	buf := make([]byte, 4<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			t.mu.Lock()
			t.text = append(t.text, buf[:n]...)
			t.text = t.text[max(0, len(t.text)-maxTail):]
			t.mu.Unlock()
			changed()
		}
		if err != nil {
			return
		}
	}
}

func (t *tail) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = nil
}

// lines are the last lines, harmless.
func (t *tail) lines(most int) string {
	t.mu.Lock()
	text := strings.TrimRight(string(t.text), "\r\n ")
	t.mu.Unlock()
	if text == "" {
		return ""
	}
	all := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	all = all[max(0, len(all)-most):]
	for i, line := range all {
		all[i] = inert.Clip(inert.Text(strings.ReplaceAll(line, "\t", "    ")), 200)
	}
	return strings.Join(all, "\n")
}
