package elevation

import "regexp"

// TicketMatches reports whether all of ticket matches pattern, a regular
// expression in Go's (RE2) form. A pattern that does not compile matches
// nothing; an empty pattern asks for nothing and matches everything.
func TicketMatches(pattern, ticket string) bool {
	if pattern == "" {
		return true
	}
	if len(pattern) > MaxTicketPattern || len(ticket) > 4*MaxTicket {
		return false
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return false
	}
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	return err == nil && re.MatchString(ticket)
}

// MaxTicketPattern is the longest pattern of a ticket, in bytes.
const MaxTicketPattern = 256
