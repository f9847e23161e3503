package fakemac

import "slices"

// Sits is somebody's session at the screen, as the window server has it.
func Sits(uid int64, name string, locked, before bool) map[string]any {
	s := map[string]any{"kCGSSessionUserIDKey": uid, "kCGSSessionUserNameKey": name, "kCGSSessionAuditIDKey": 100000 + uid, "kCGSSessionGroupIDKey": int64(20),
		"kCGSSessionOnConsoleKey": before, "kCGSessionLoginDoneKey": true, "kSCSecuritySessionID": 100000 + uid}
	if locked {
		s["CGSSessionScreenIsLocked"], s["CGSSessionScreenLockedTime"] = true, int64(1763800000)
	}
	return s
}

// ioreg tells of the root of the registry.
func ioreg(p *program) int {
	if !slices.Equal(p.args, []string{"-n", "Root", "-d1", "-a"}) {
		return complain(64, "usage: ioreg")
	}
	root := map[string]any{"IOObjectClass": "IORegistryEntry", "IORegistryEntryName": "Root", "OS Build Version": "23A344", "IOConsoleLocked": false}
	if len(p.m.Sessions) > 0 {
		list := []any{}
		for _, s := range p.m.Sessions {
			whole := map[string]any{}
			for key, value := range s {
				if number, ok := value.(float64); ok { // as JSON keeps numbers
					value = int64(number)
				}
				whole[key] = value
			}
			list = append(list, whole)
		}
		root["IOConsoleUsers"] = list
	}
	return tell(root)
}
