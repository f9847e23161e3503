package main

// Kinds of events of power that a service of Windows is told (PBT_APM…).
const (
	resumeCritical  = 0x06 // it had no power
	resumeByPerson  = 0x07
	powerChanged    = 0x0a
	resumeAutomatic = 0x12
)

// resumes reports whether an event of power says that the machine has slept.
func resumes(kind uint32) bool {
	return kind == resumeCritical || kind == resumeByPerson || kind == resumeAutomatic
}
