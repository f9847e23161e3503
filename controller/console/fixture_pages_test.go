package console_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/assent-epm/assent/controller/client"
)

// doors is what the desk knows of signing in, of codes and of devices. It knows
// one right code and checks no passkey: what passkeys do is tested over the real
// controller.
type doors struct {
	passkeys  bool // are offered
	providers []client.SignInProvider
	totp      map[string]bool // logins that need a code
	wait      string          // Retry-After of every sign-in, "" = none
	keys      []client.Passkey
	present   bool            // was shown since the last act that needs it
	careful   map[string]bool // ids of requests whose approval needs presence
	acts      int             // approvals that arrived
	codes     map[string]string
	devices   map[string]*bool // codes and their answers
	must      bool             // a second factor is missing
	settings  json.RawMessage

	factorsTake, settingsTake, signInTakes time.Duration
}

const rightCode = "123456"

func (d *desk) addDoors(mux *http.ServeMux) {
	d.doors = doors{totp: map[string]bool{}, careful: map[string]bool{}, codes: map[string]string{}, devices: map[string]*bool{}, keys: []client.Passkey{},
		settings: json.RawMessage(`{"notify":{"channels":null,"quiet_hours":"","time_zone":"","digest_seconds":0,"phone":""}}`)}
	mux.HandleFunc("GET /api/v1/sign-in", func(w http.ResponseWriter, r *http.Request) {
		if !d.slowly(r, &d.doors.signInTakes) {
			return
		}
		reply(w, http.StatusOK, map[string]any{"password": true, "passkey": d.doors.passkeys, "providers": append([]client.SignInProvider{}, d.doors.providers...), "cluster": "assent-3f9a"})
	})
	mux.HandleFunc("POST /api/v1/sessions/passkey", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, client.Ceremony{Ceremony: "c1", Options: map[string]any{"publicKey": map[string]any{"challenge": "AAAAAAAAAAAAAAAAAAAAAA", "rpId": "localhost", "userVerification": "required"}}})
	})
	for pattern, do := range map[string]func(client.Person, http.ResponseWriter, *http.Request){
		"GET /api/v1/canned": d.canned,
		"GET /api/v1/links": func(_ client.Person, w http.ResponseWriter, _ *http.Request) {
			reply(w, http.StatusOK, client.List[client.Link]{Items: []client.Link{}})
		},
		"GET /api/v1/me/factors": d.factors,
		"POST /api/v1/me/totp/begin": func(_ client.Person, w http.ResponseWriter, _ *http.Request) {
			reply(w, http.StatusOK, client.TOTPSecret{Secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", URI: "otpauth://totp/Assent:bo?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Assent", QR: []string{"101", "010", "101"}})
		},
		"POST /api/v1/me/totp":                d.addTOTP,
		"GET /api/v1/me/settings":             d.mySettings,
		"PUT /api/v1/me/settings":             d.mySettings,
		"POST /api/v1/sessions/step-up":       d.stepUp,
		"POST /api/v1/requests/by-code":       d.byCode,
		"GET /api/v1/sessions/device/{code}":  d.device,
		"POST /api/v1/sessions/device/{code}": d.device,
	} {
		mux.HandleFunc(pattern, d.guard(do))
	}
}

func (d *desk) canned(_ client.Person, w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, client.CannedTexts{Questions: []string{"Which ticket is this for?", "Does the package from the shop not do?", "For how long do you need it?"},
		Denials: []string{"Please use the staging machine.", "The deployment job does this for you."}})
}

// slowly waits as long as it says; false when nobody waits for the answer any more.
func (d *desk) slowly(r *http.Request, takes *time.Duration) bool {
	d.mu.Lock()
	slow := *takes
	d.mu.Unlock()
	select {
	case <-time.After(slow):
		return true
	case <-r.Context().Done():
		return false
	}
}

func (d *desk) factors(who client.Person, w http.ResponseWriter, r *http.Request) {
	if !d.slowly(r, &d.doors.factorsTake) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	reply(w, http.StatusOK, client.Factors{Passkeys: d.doors.keys, TOTP: d.doors.totp[who.Login], Password: true})
}

func (d *desk) addTOTP(who client.Person, w http.ResponseWriter, r *http.Request) {
	var in client.TOTPCode
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.Code != rightCode {
		refuse(w, http.StatusBadRequest, "invalid", "the code is wrong", nil)
		return
	}
	d.mu.Lock()
	d.doors.totp[who.Login], d.doors.must = true, false
	d.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (d *desk) mySettings(_ client.Person, w http.ResponseWriter, r *http.Request) {
	if !d.slowly(r, &d.doors.settingsTake) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Method == http.MethodPut {
		if err := json.NewDecoder(r.Body).Decode(&d.doors.settings); err != nil {
			refuse(w, http.StatusBadRequest, "invalid", err.Error(), nil)
			return
		}
	}
	s := client.MySettings{Buttons: []string{}, Columns: map[string][]string{}, Views: []client.MyView{}, Density: "comfortable", Keys: map[string]string{}}
	if len(d.doors.settings) > 0 {
		if err := json.Unmarshal(d.doors.settings, &s); err != nil {
			refuse(w, http.StatusBadRequest, "invalid", err.Error(), nil)
			return
		}
	}
	reply(w, http.StatusOK, s)
}

func (d *desk) stepUp(who client.Person, w http.ResponseWriter, r *http.Request) {
	var in client.StepUp
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "invalid", err.Error(), nil)
		return
	}
	d.mu.Lock()
	if in.Password != password || d.doors.totp[who.Login] && in.Code != rightCode {
		d.mu.Unlock()
		refuse(w, http.StatusForbidden, "forbidden", "the password or the code is wrong", nil)
		return
	}
	d.doors.present = true
	d.mu.Unlock()
	d.me(who, w, r)
}

func (d *desk) byCode(_ client.Person, w http.ResponseWriter, r *http.Request) {
	var in client.ByCode
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "invalid", err.Error(), nil)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.find(d.doors.codes[in.Code])
	if q == nil {
		refuse(w, http.StatusNotFound, "not_found", "no request has this code", nil)
		return
	}
	reply(w, http.StatusOK, q)
}

func (d *desk) device(_ client.Person, w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	code := r.PathValue("code")
	if _, waits := d.doors.devices[code]; !waits {
		refuse(w, http.StatusNotFound, "not_found", "no device waits with this code", nil)
		return
	}
	if r.Method == http.MethodGet {
		reply(w, http.StatusOK, map[string]any{"name": "assentctl on build-7", "address": "192.0.2.44", "created_at": time.Now().Add(-20 * time.Second)})
		return
	}
	var in struct{ Allow bool }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "invalid", err.Error(), nil)
		return
	}
	if in.Allow && !d.doors.present {
		refuse(w, http.StatusForbidden, "step_up_required", "prove that it is you", nil)
		return
	}
	d.doors.devices[code] = &in.Allow
	w.WriteHeader(http.StatusNoContent)
}

// careless says whether this approval wants presence first; the caller holds the
// lock.
func (d *desk) careless(id, verb string) bool {
	if verb != "approve" {
		return false
	}
	d.doors.acts++
	return d.doors.careful[id] && !d.doors.present
}

// ask puts a question; the caller holds the lock.
func (d *desk) ask(who client.Person, q *client.Request, text string) {
	q.Questions = append(slices.Clone(q.Questions), client.Question{By: who, At: time.Now(), Text: text})
	d.tell("request.asked", q)
}
