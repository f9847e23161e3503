package intercept

import (
	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/privilege"
)

// rootsAlone reports whether nobody but root can change a file.
func rootsAlone(st *unix.Stat_t) bool { return privilege.RootsOwn(st.Uid, uint32(st.Mode)) }

// parentProgram is not asked for on this system.
func parentProgram(int) string { return "" }
