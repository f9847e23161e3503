package privilege

// AdminWay is how somebody uses the time in which they are administrator. It is
// what the system makes of a place in a group.
type AdminWay string

// The ways to be administrator for a while.
const (
	// AdminShell is a shell in place of `assent admin`, which has the group (Linux).
	AdminShell AdminWay = "shell"
	// AdminConsole is a new window with a program that has an administrator's rights:
	// what runs already never gets them (Windows).
	AdminConsole AdminWay = "console"
	// AdminHere starts nothing: the group is asked for at each use, so that it counts
	// in the terminal at once (macOS).
	AdminHere AdminWay = "here"
)
