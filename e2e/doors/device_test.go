package doors

import (
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// TestC1DeviceSignInGivesOneToken: a device shows a code, somebody who has just
// signed in allows it, and the device gets a token of theirs, once.
func TestC1DeviceSignInGivesOneToken(t *testing.T) {
	d := desk.New(t)
	device := desk.Must(client.New(d.URL, ""))(t)
	bo := d.Person("bo", "approver").SignIn()
	codes := desk.Must(device.AskDevice(t.Context(), "laptop"))(t)
	if len(codes.UserCode) != 9 || codes.VerificationURIComplete != d.Controller.URL()+"/#/device?code="+codes.UserCode || codes.IntervalSeconds != 5 || codes.ExpiresInSeconds != 600 {
		t.Errorf("codes: %+v", codes)
	}
	claim := func(want string) client.DeviceToken {
		t.Helper()
		got, err := device.ClaimDevice(t.Context(), codes.DeviceCode)
		if desk.Code(err) != want {
			t.Errorf("claimed: %v, want %q", err, want)
		}
		return got
	}
	claim("authorization_pending")
	claim("slow_down")
	d.Pass(6 * time.Second)
	claim("slow_down") // it is ten seconds now
	d.Pass(16 * time.Second)
	claim("authorization_pending")
	asked := desk.Must(bo.Device(t.Context(), strings.ToLower(codes.UserCode)))(t)
	if asked.Name != "laptop" || asked.Address != "127.0.0.1" {
		t.Errorf("the page shows %+v", asked)
	}
	if err := bo.AnswerDevice(t.Context(), codes.UserCode, true); err != nil {
		t.Fatal(err)
	}
	if err := bo.AnswerDevice(t.Context(), codes.UserCode, false); desk.Code(err) != "not_found" {
		t.Errorf("answered twice: %v", err)
	}
	d.Pass(16 * time.Second)
	got := claim("")
	if got.Login != "bo" || got.ExpiresAt.Sub(d.Now()).Round(time.Hour) != 30*24*time.Hour {
		t.Errorf("got %s until %s", got.Login, got.ExpiresAt)
	}
	d.Pass(16 * time.Second)
	claim("expired_token")
	me := desk.Must(client.Get[client.Me](t.Context(), desk.Must(client.New(d.URL, got.Token))(t), "/me", nil))(t)
	if me.Login != "bo" || me.Session {
		t.Errorf("the token is %+v", me)
	}
	allowed := audited(t, d, "auth.device_allowed")
	if len(allowed) != 1 || !strings.Contains(allowed[0], "laptop") || !strings.Contains(allowed[0], `"name":"bo"`) {
		t.Errorf("the audit log has %v", allowed)
	}
}

// TestC1DeviceSignInIsRefused: denied, too late, without presence, by a token,
// for somebody disabled meanwhile, and for whoever guesses.
func TestC1DeviceSignInIsRefused(t *testing.T) {
	d := desk.New(t)
	device := desk.Must(client.New(d.URL, ""))(t)
	person := d.Person("bo", "approver")
	bo := person.SignIn()
	ask := func() client.DeviceCodes {
		t.Helper()
		d.Pass(7 * time.Second) // those who ask are limited by address, and those who type by account
		return desk.Must(device.AskDevice(t.Context(), "laptop"))(t)
	}
	claim := func(c client.DeviceCodes, want string) {
		t.Helper()
		if _, err := device.ClaimDevice(t.Context(), c.DeviceCode); desk.Code(err) != want {
			t.Errorf("claimed: %v, want %q", err, want)
		}
	}
	denied := ask()
	if err := bo.AnswerDevice(t.Context(), denied.UserCode, false); err != nil {
		t.Fatal(err)
	}
	claim(denied, "access_denied")
	byToken := ask()
	if err := person.AnswerDevice(t.Context(), byToken.UserCode, true); desk.Code(err) != "forbidden" {
		t.Errorf("allowed by a token: %v", err)
	}
	if err := person.AnswerDevice(t.Context(), byToken.UserCode, false); desk.Code(err) != "forbidden" {
		t.Errorf("denied by a token: %v", err)
	}
	if _, err := person.Device(t.Context(), byToken.UserCode); desk.Code(err) != "forbidden" {
		t.Errorf("shown to a token: %v", err)
	}
	if err := device.AnswerDevice(t.Context(), byToken.UserCode, true); desk.Code(err) != "unauthenticated" {
		t.Errorf("allowed by nobody: %v", err)
	}
	claim(byToken, "authorization_pending")
	d.Pass(5 * time.Minute)
	late := ask()
	if err := bo.AnswerDevice(t.Context(), late.UserCode, true); desk.Code(err) != "step_up_required" {
		t.Errorf("allowed long after signing in: %v", err)
	}
	d.Pass(10 * time.Minute)
	claim(late, "expired_token")
	bo = person.SignIn()
	if _, err := bo.Device(t.Context(), late.UserCode); desk.Code(err) != "not_found" {
		t.Errorf("shown after its end: %v", err)
	}
	off := ask()
	if err := bo.AnswerDevice(t.Context(), off.UserCode, true); err != nil {
		t.Fatal(err)
	}
	if err := d.Admin.Call(t.Context(), "PUT", "/users/bo", nil, client.EditUser{Disabled: new(true)}, nil); err != nil {
		t.Fatal(err)
	}
	claim(off, "access_denied")
	for _, name := range []string{"", " ", "a\x1b[2Jb", strings.Repeat("a", 101), "a\u202eb"} {
		if _, err := device.AskDevice(t.Context(), name); desk.Code(err) != "invalid" {
			t.Errorf("a device called %q: %v", name, err)
		}
	}
	cy := d.Person("cy", "approver").SignIn()
	code := ""
	for range 30 {
		if _, err := cy.Device(t.Context(), "ABCD-EFGH"); desk.Code(err) != "not_found" {
			code = desk.Code(err)
			break
		}
	}
	if code != "rate_limited" {
		t.Errorf("guessing codes ends with %q", code)
	}
	for range 60 {
		if _, err := device.ClaimDevice(t.Context(), strings.Repeat("A", 43)); desk.Code(err) != "expired_token" {
			code = desk.Code(err)
			break
		}
		code = ""
	}
	if code != "rate_limited" {
		t.Errorf("guessing devices ends with %q", code)
	}
	for range 60 {
		_, err := device.AskDevice(t.Context(), "laptop")
		if code = desk.Code(err); code != "" {
			break
		}
	}
	if code != "rate_limited" {
		t.Errorf("asking ends with %q", code)
	}
}
