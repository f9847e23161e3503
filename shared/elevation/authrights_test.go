package elevation

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// What a policy says of authorization rights is held to what can be set; the zero
// value of a level is none.
func TestCheckAuthorizationRights(t *testing.T) {
	for right, level := range map[string]RightLevel{"system.preferences.network": RightUser, "system.preferences.sharing": RightNobody, "com.example.tool.helper-2": RightAdmin} {
		if err := CheckAuthorizationRights(map[string]RightLevel{right: level}); err != nil {
			t.Error(err)
		}
	}
	for right, level := range map[string]RightLevel{"system.preferences.network": "", "system.preferences.printing": "everybody", "system.privilege.admin": RightNobody,
		"system.login.console": RightAdmin, "config.add.x": RightNobody, "system.preferences.security": RightUser, "system": RightAdmin, "a..b": RightAdmin, "a.b\nc": RightAdmin,
		"a.b;rm": RightAdmin, "a." + strings.Repeat("b", 200): RightAdmin, "*": RightNobody, "a.*": RightNobody} {
		err := CheckAuthorizationRights(map[string]RightLevel{right: level})
		var fault *RightFault
		if !errors.Is(err, ErrInvalid) || !errors.As(err, &fault) || fault.Right != right || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q %q: %v", right, level, err)
		}
	}
	many := map[string]RightLevel{}
	for i := range MaxAuthorizationRights {
		many[fmt.Sprint("a.b", i)] = RightNobody
	}
	if err := CheckAuthorizationRights(many); err != nil {
		t.Error(err)
	}
	many["a.more"] = RightNobody
	if err := CheckAuthorizationRights(many); !errors.Is(err, ErrInvalid) {
		t.Error("one too many is taken")
	}
}
