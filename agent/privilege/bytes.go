package privilege

// InBytes is a list of arguments, variables or paths as it is sent: they need not be
// text.
func InBytes(list []string) [][]byte {
	all := make([][]byte, len(list))
	for i, s := range list {
		all[i] = []byte(s)
	}
	return all
}

// InStrings is what [InBytes] was made of.
func InStrings(list [][]byte) []string {
	all := make([]string, len(list))
	for i, b := range list {
		all[i] = string(b)
	}
	return all
}
