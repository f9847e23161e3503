package console_test

import (
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
)

// Pictures for people to look at: both widths, both schemes.
func TestPictures(t *testing.T) {
	d := newDesk(t)
	b := person(t, d)
	b.Go("#/")
	b.Sees("input[name=login]")
	b.Looks("sign-in", nil)
	signIn(b, "bo")
	b.Reads(".list", "Nothing is waiting")
	b.Looks("empty", nil)
	fill(d)
	b.Until(`document.querySelectorAll(".row").length >= 12`)
	b.Press("j")
	b.Press("j")
	b.Reads(".details", "No rule matched")
	b.Looks("queue", func(int) { b.Key("Escape") })
	b.Looks("details", func(width int) {
		if width == 390 {
			b.Key("Escape")
			b.Click(".row[aria-selected=true]")
		}
	})
	b.Key("Escape")
	b.Type("#comment", "Fine for today. Please use the package next time.")
	b.Click("button.approve")
	b.Reads(".decided", "Approved by you")
	b.Eval(`document.querySelector(".details").scrollTop = 0`, nil)
	b.Looks("approved", func(width int) {
		if width == 390 {
			b.Key("Escape")
			b.Click(".row[aria-selected=true]")
		}
	})
}

// Pictures of the pages for people to look at.
func TestPicturesOfPages(t *testing.T) {
	d := newDesk(t)
	d.doors.passkeys, d.doors.providers = true, []client.SignInProvider{{ID: "idp_1", Name: "Example ID"}}
	b := person(t, d)
	b.Go("#/")
	b.Sees("input[name=login]")
	b.Looks("p-sign-in", nil)
	d.doors.totp["bo"] = true
	b.Login("bo", password)
	b.Sees("input[name=code]")
	b.Looks("p-code", nil)
	b.Type("input[name=code]", "000000")
	b.Reads(".card .note.no", "not right")
	b.Looks("p-code-wrong", nil)
	b.Type("input[name=code]", rightCode)
	b.Sees(".live")
	fill(d)
	d.mu.Lock()
	q := d.requests[2]
	q.Queue = &client.Queue{Position: ptr(3), UsualWaitSeconds: ptr(int64(240)), CanAnswer: []string{"bo", "mika", "ana"}}
	q.Questions = []client.Question{{By: client.Person{ID: "usr_mika", Login: "mika"}, At: time.Now().Add(-4 * time.Minute), Text: "Which printer is it?", Answer: ptr("The one on floor 3.")}}
	d.doors.careful[q.ID] = true
	d.doors.codes["7K2Q-M9XD"] = q.ID
	d.doors.devices["7K2Q-M9XD"] = nil
	d.doors.keys = []client.Passkey{{ID: "pk_1", Name: "Bo's phone", CreatedAt: time.Now().Add(-90 * 24 * time.Hour), LastUsedAt: ptr(time.Now().Add(-2 * time.Hour))},
		{ID: "pk_2", Name: "Security key, blue", CreatedAt: time.Now().Add(-3 * time.Hour)}}
	d.mu.Unlock()
	b.Go("#/b")
	b.Sees("input[name=code]")
	b.Looks("p-b", nil)
	b.Phone()
	b.Type("input[name=code]", "7k2qm9xd")
	b.Sees(".thumb .approve")
	b.Reads(".request", "No rule matched")
	for _, scheme := range []string{"light", "dark"} {
		b.Phone()
		b.Scheme(scheme)
		b.Axe()
		b.Picture("p-request-390-" + scheme)
		b.Click(".options button:nth-of-type(2)")
		b.Sees(".sheet.to-ask")
		b.Reads(".sheet", "Which ticket")
		b.Axe()
		b.Picture("p-ask-390-" + scheme)
		b.Click(".sheethead button")
		b.Click(".thumb .deny")
		b.Sees(".sheet.to-deny")
		b.Reads(".sheet", "staging")
		b.Axe()
		b.Picture("p-deny-390-" + scheme)
		b.Click(".sheethead button")
		b.Eval(`document.querySelector(".body").scrollTop = 620`, nil)
		b.Picture("p-request-more-390-" + scheme)
		b.Eval(`document.querySelector(".body").scrollTop = 0`, nil)
	}
	d.mu.Lock()
	keys := d.doors.keys
	d.doors.keys = []client.Passkey{}
	d.mu.Unlock()
	b.Click(".thumb .approve")
	b.Click(".thumb .approve")
	b.Sees(".stepup input[name=password]")
	b.Looks("p-stepup", nil)
	b.Phone()
	b.Type(".stepup input[name=password]", password)
	b.Type(".stepup input[name=code]", rightCode)
	b.Click(".stepup .primary")
	b.Reads(".thumb", "Approved by you")
	for _, scheme := range []string{"light", "dark"} {
		b.Scheme(scheme)
		b.Picture("p-approved-390-" + scheme)
	}
	d.mu.Lock()
	d.doors.keys = keys
	d.mu.Unlock()
	b.Go("#/device?code=7K2Q-M9XD")
	b.Sees(".bigcode")
	b.Reads(".leaf", "build-7")
	b.Looks("p-device", nil)
	b.Go("#/me")
	b.Sees(".told")
	b.Reads(".mine", "Bo's phone")
	b.Looks("p-me", func(int) { b.Eval(`scrollTo(0, 0)`, nil) })
	d.mu.Lock()
	d.doors.totp["bo"] = false
	d.mu.Unlock()
	b.Go("#/me")
	b.Sees(".panel:nth-of-type(2) .add")
	b.Click(".panel:nth-of-type(2) .add")
	b.Sees(".qr")
	b.Click(".told .check input")
	b.Looks("p-me-app", func(int) {
		b.Eval(`document.querySelector(".qr").scrollIntoView({block: "center"})`, nil)
	})
	b.Looks("p-me-told", func(int) {
		b.Eval(`document.querySelector(".told").scrollIntoView({block: "center"})`, nil)
	})
}

// fill puts a working day's morning into the queue.
func fill(d *desk) {
	c := func(q *client.Request, reason, fact string) *client.Request {
		q.Caution = append(q.Caution, client.Caution{Reason: reason, Fact: fact})
		return q
	}
	d.submit(asked("dina.osei", "ubu-0810", "Packet capture for INC-4821, the VPN drops every few minutes and the provider wants a trace.", 7*time.Minute+31*time.Second, "urgent", "/usr/bin/apt", "install", "wireshark"))
	d.submit(c(asked("hiro.sato", "deb-2316", "The backup job ate the disk, I need to look around and clean up before tonight.", 19*time.Minute+56*time.Second, "high", "/usr/bin/bash"), "unbounded", "bash can run any program; everything it starts runs as root too."))
	d.submit(c(asked("gwen.tran", "ubu-1653", "Vendor's installer for the label printer driver (ticket FAC-118). It wants to write below /usr/lib.", 15*time.Minute+5*time.Second, "high",
		"/home/gwen.tran/Downloads/labelprint-7.2.run", "--accept-licence", "--prefix=/opt/label print", "--", ""), "user_writable", "/home/gwen.tran/Downloads is writable by gwen.tran."))
	d.submit(asked("carl.meyer", "web-0134", "restart after the certificate was renewed", 12*time.Minute+58*time.Second, "high", "/usr/bin/systemctl", "restart", "nginx"))
	d.submit(asked("ana.silva", "ubu-0477", "new dock, needs the displaylink module", 24*time.Minute+38*time.Second, "normal", "/usr/sbin/modprobe", "evdi"))
	d.submit(asked("farid.k", "ubu-0217", "mount the shared drive for the migration", 22*time.Minute, "normal", "/usr/bin/mount", "-t", "cifs", "//files/finance", "/mnt/finance", "-o", "credentials=/root/••••"))
	d.submit(asked("eve.novak", "deb-0690", "clock is wrong, logins fail", 6*time.Minute+53*time.Second, "normal", "/usr/sbin/ntpdate", "pool.ntp.org"))
	d.submit(asked("bianca", "ubu-1709", "update before the audit tomorrow", 6*time.Minute, "normal", "/usr/bin/apt", "upgrade", "-y"))
	d.submit(asked("dina.osei", "ubu-0810", "open the port for the capture", 5*time.Minute, "normal", "/usr/sbin/ufw", "allow", "from", "192.0.2.0/24", "to", "any", "port", "8443"))
	d.submit(asked("noor.h", "mbp-1441", "edit hosts for the staging test", 3*time.Minute+12*time.Second, "normal", "/usr/bin/tee", "-a", "/etc/hosts"))
	d.submit(asked("luis", "deb-0021", "see why the service does not start", 74*time.Second, "normal", "/usr/bin/journalctl", "-u", "assent-agent", "-n", "200"))
	d.submit(asked("yuki.mori", "ubu-0601", "disk check before it goes back to the vendor", 41*time.Second, "low", "/usr/sbin/smartctl", "-a", "/dev/nvme0n1"))
}
