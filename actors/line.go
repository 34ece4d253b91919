package actors

// rest is a line without the first of it, who were taken. It forgets them: they may
// be gone before those who still stand there, and their sockets with them. Of a line
// that was long once nothing is left when it is empty.
func rest[T any](line []T, taken int) []T {
	clear(line[:taken])
	if taken == len(line) {
		return nil
	}
	return line[taken:]
}
