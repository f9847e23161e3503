package fakemac

import (
	"io"
	"maps"
	"os"

	"github.com/assent-epm/assent/agent/mactool"
)

// security reads and writes the authorization database.
func security(p *program) int {
	if len(p.args) != 3 || p.args[0] != "authorizationdb" {
		return complain(2, "usage: security")
	}
	right := p.args[2]
	rule, there := p.m.Rights[right]
	switch p.args[1] {
	case "read":
		if !there {
			return complain(1, "NO (-60005)")
		}
		whole := map[string]any{}
		for key, value := range rule {
			if number, ok := value.(float64); ok && key != "created" && key != "modified" { // as JSON keeps numbers
				value = int64(number)
			}
			whole[key] = value
		}
		whole["version"] = int64(1)
		code := tell(whole)
		complain(0, "YES (0)")
		return code
	case "write":
		raw, err := io.ReadAll(os.Stdin)
		if err != nil {
			return complain(1, "NO (-60008)")
		}
		to, err := mactool.Dict(raw)
		if err != nil || to["class"] == nil && to["rule"] == nil {
			return complain(1, "NO (-60008)")
		}
		if to = maps.Clone(to); to["class"] == "user" && to["allow-root"] == nil {
			to["allow-root"] = false // it writes what it takes for granted
		}
		for _, key := range p.m.Forgets {
			delete(to, key)
		}
		to["created"], to["modified"] = 538029218.67258, 738029218.5
		p.m.Rights[right], p.wrote = to, true
		return complain(0, "YES (0)")
	}
	return complain(2, "usage: security")
}
