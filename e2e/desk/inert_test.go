package desk

import (
	"encoding/csv"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// evil is what terminals, tables, browsers and log readers act on.
const evil = "=cmd|' /C calc'!A0\t<script>alert(1)</script> \x1b]0;gone\x07\x1b[2J\u009b31m \u202etxt.exe\u2066\u2028\r\nCEF:0|x|y|z|1|forged|9| \"};{\""

// actsOn reports what is in a text that a terminal would act on.
func actsOn(text string) string {
	for _, r := range text {
		if r < 0x20 && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return JSON(string(r))
		}
	}
	return ""
}

// TestHostileTextIsInertAtEveryDoor fills every field that a stranger can fill
// and reads it back through every format of assentctl and of REST.
func TestHostileTextIsInertAtEveryDoor(t *testing.T) {
	d := New(t)
	bo, evelyn := d.Person("bo", "approver"), d.Person("evelyn")
	web := d.Endpoint("web-1")
	d.link(evelyn, web, "eve")
	a := web.Attempt("eve", "/usr/bin/id", evil, "-x"+evil)
	a.Attempt.Subject.Cwd, a.Attempt.Subject.Parent, a.Attempt.Subject.Product, a.Attempt.Subject.Version = "/"+evil, "/"+evil, evil, evil
	a.Attempt.Subject.Publisher = elevation.Publisher{Name: evil, Thumbprint: evil}
	a.Attempt.User.Display, a.Attempt.User.Groups = evil, []string{evil}
	id := web.AskWith(a, evil, evil)
	bo.Does("ask", id, map[string]any{"comment": evil, "note": evil})
	evelyn.Does("answer", id, map[string]any{"comment": evil})
	bo.Does("deny", id, map[string]any{"comment": evil})
	other := web.Attempt("eve", "/usr/bin/"+evil, "a")
	two := web.AskWith(other, evil, "")
	d.Pass(time.Second)

	for _, args := range [][]string{
		{"approval", "list", "--status", "all"}, {"approval", "list", "--status", "all", "--format", "csv"}, {"approval", "list", "--status", "all", "--format", "yaml"},
		{"approval", "list", "--status", "all", "--format", "json"}, {"approval", "list", "--status", "all", "--format", "jsonl"},
		{"approval", "view", id}, {"approval", "view", id, "--timeline"}, {"approval", "view", two, "--explain"}, {"approval", "view", id, "--format", "yaml"},
		{"audit", "list"}, {"audit", "list", "--format", "csv"}, {"audit", "list", "--format", "yaml"}, {"audit", "export", "--as", "cef"},
		{"audit", "export", "--as", "syslog"}, {"audit", "export", "--as", "ocsf"}, {"audit", "export", "--as", "json"},
		{"report", "waiting-times"}, {"report", "per-approver", "--format", "csv"}, {"endpoint", "list"},
	} {
		r := d.Ctl(d.Admin, args...)
		if r.Code == 2 {
			t.Errorf("assentctl %s: %s", strings.Join(args, " "), r.Err)
			continue
		}
		if bad := actsOn(r.Out + r.Err); bad != "" {
			t.Errorf("assentctl %s prints %s raw", strings.Join(args, " "), bad)
		}
		d.tables(args, r.Out)
	}
	for _, path := range []string{"/requests/" + id, "/requests/" + id + "/timeline", "/requests/" + two + "/explain", "/requests?status=all", "/audit",
		"/requests?" + url.Values{"group_by": {"program"}, "status": {"all"}}.Encode(), "/reports/per-approver"} {
		status, head, text := d.Raw(d.Admin, "GET", "/api/v1"+path, "")
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil || status >= 500 || !strings.Contains(head.Get("Content-Type"), "json") || head.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v %v", path, status, head, err)
		}
		if strings.Contains(text, "<script>") || strings.ContainsAny(strings.TrimRight(text, "\n"), "\x1b\x07\r\n") {
			t.Errorf("%s has something raw: %.300s", path, text)
		}
	}
	// It is stored as it was, so that a person sees what was really asked.
	if r := Must(client.Get[client.Request](t.Context(), d.Admin.Client, "/requests/"+id, nil))(t); r.Subject.Args[0] != evil || *r.Justification != strings.TrimSpace(evil) && *r.Justification != evil {
		t.Errorf("read back: %s", JSON(r.Subject))
	}
}

// tables looks at formats that other programs read line by line.
func (d *Desk) tables(args []string, out string) {
	d.T.Helper()
	name := strings.Join(args, " ")
	switch {
	case strings.HasSuffix(name, "csv"):
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil {
			d.T.Errorf("%s: %v", name, err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && cell != "-" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
					d.T.Errorf("%s has the cell %q", name, cell)
				}
			}
		}
	case strings.HasSuffix(name, "cef"), strings.HasSuffix(name, "syslog"):
		for line := range strings.SplitSeq(strings.TrimSuffix(out, "\n"), "\n") {
			if strings.HasSuffix(name, "cef") && !strings.HasPrefix(line, "CEF:0|Assent|") || strings.HasSuffix(name, "syslog") && !strings.HasPrefix(line, "<") {
				d.T.Errorf("%s has the line %.200q", name, line)
			}
		}
	}
}
