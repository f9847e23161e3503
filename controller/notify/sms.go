package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// twilio is where messages go when the channel names no other provider of the
// same shape. The call is that of the Messages resource: a form with To, From (or
// MessagingServiceSid) and Body, with the account and its token as basic
// authentication; it answers 201. See twilio.com/docs/messaging/api/message-resource.
const twilio = "https://api.twilio.com"

// What fits. One message has 160 characters of the GSM alphabet or 70 others; in
// longer ones the parts are a little shorter.
const (
	oneGSM   = 160
	partsGSM = 2 * 153
	partsUCS = 2 * 67
	smsTime  = 30 * time.Second
	smsRefID = 6 // last characters of the delivery's id, so that doubles are told
)

// smsConfig is the configuration of a channel of the kind sms.
type smsConfig struct {
	URL       string `json:"url"`
	Account   string `json:"account"`
	AuthToken string `json:"auth_token"`
	From      string `json:"from"`
}

// smsSender sends short messages through a provider.
type smsSender struct {
	cfg  smsConfig
	deps Deps
}

func openSMS(c Channel, deps Deps) (Sender, error) {
	s := &smsSender{deps: deps}
	if err := decode(c.Config, &s.cfg); err != nil {
		return nil, err
	}
	if s.cfg.URL == "" {
		s.cfg.URL = twilio
	}
	if err := checkURL(s.cfg.URL, deps.Refuse); err != nil {
		return nil, err
	}
	switch {
	case !regexp.MustCompile(`^[A-Za-z0-9_-]{2,64}$`).MatchString(s.cfg.Account):
		return nil, fmt.Errorf("%w: the account has 2 to 64 letters and digits", elevation.ErrInvalid)
	case s.cfg.AuthToken == "" || len(s.cfg.AuthToken) > 200 || hasControls(s.cfg.AuthToken):
		return nil, fmt.Errorf("%w: an auth_token is needed", elevation.ErrInvalid)
	case !isPhone(s.cfg.From) && !regexp.MustCompile(`^[A-Za-z0-9 ]{1,34}$`).MatchString(s.cfg.From):
		return nil, fmt.Errorf("%w: from is a number like +4930123456, a name of letters and digits, or a messaging service (MG…)", elevation.ErrInvalid)
	}
	return s, nil
}

// isPhone reports whether s is a number in the international form (E.164).
func isPhone(s string) bool { return regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`).MatchString(s) }

// Send sends one short message to the recipient's telephone.
func (s *smsSender) Send(ctx context.Context, m Message) (Result, error) {
	if !isPhone(m.To.Phone) {
		return Result{Permanent: true}, errors.New("the recipient has no telephone number that can be used; it begins with + and the country")
	}
	form := url.Values{"To": {m.To.Phone}, "Body": {smsText(m)}}
	if strings.HasPrefix(s.cfg.From, "MG") && len(s.cfg.From) == 34 {
		form.Set("MessagingServiceSid", s.cfg.From)
	} else {
		form.Set("From", s.cfg.From)
	}
	ctx, cancel := context.WithTimeout(ctx, smsTime)
	defer cancel()
	address := strings.TrimSuffix(s.cfg.URL, "/") + "/2010-04-01/Accounts/" + url.PathEscape(s.cfg.Account) + "/Messages.json"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return Result{Permanent: true}, errors.New("the url can not be called")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Assent")
	req.SetBasicAuth(s.cfg.Account, s.cfg.AuthToken)
	res, err := call(s.deps.HTTP, req, s.deps.Now())
	// 400 is about this message: a number that can not be reached, for example.
	// Every other refusal is about the account and may be put right.
	res.Permanent = res.Permanent || res.Status == http.StatusBadRequest
	res.Gone = false
	return res, err
}

// smsText is what is said in a short message: the title, the link and the end of
// the delivery's id. The link stays whole; the title gives way. What needs no
// other alphabet fits into one message, or two when the link is long.
func smsText(m Message) string {
	ref := m.ID[max(0, len(m.ID)-smsRefID):]
	tail := " (" + idText(ref) + ")"
	if m.Link != "" {
		tail = " " + m.Link + tail
	}
	title := inert.Text(m.Title)
	if n := len(m.Items); n > 0 {
		title = fmt.Sprintf("%d things: %s", n, title)
	}
	limit, size := oneGSM, gsmSize
	if size(tail) > oneGSM-40 {
		limit = partsGSM
	}
	if gsmSize(title) < 0 || gsmSize(tail) < 0 {
		limit, size = partsUCS, ucsSize
	}
	runes := []rune(title)
	for n := len(runes); n >= 0; n-- {
		short := string(runes[:n])
		if n < len(runes) {
			short += "..."
		}
		if text := strings.TrimSpace(short + tail); size(text) <= limit {
			return text
		}
	}
	return strings.TrimSpace(tail)
}

// gsmBasic and gsmMore are the GSM 03.38 alphabet; the second is written with two
// characters each.
const (
	gsmBasic = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmMore  = "^{}\\[~]|€"
)

// gsmSize is the length in the GSM alphabet, -1 when the text needs another one.
func gsmSize(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case strings.ContainsRune(gsmBasic, r):
			n++
		case strings.ContainsRune(gsmMore, r):
			n += 2
		default:
			return -1
		}
	}
	return n
}

// ucsSize is the length in the other alphabet.
func ucsSize(s string) int { return len(utf16.Encode([]rune(s))) }
