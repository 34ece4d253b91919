package main

import "strings"

// joinNegatives joins a flag and the negative number behind it, "--grace -1s", as if
// there were a "=" between them. The parser would take the number for another flag,
// and advise what is refused too; no flag of ours is a digit.
func joinNegatives(args []string) []string {
	var joined []string
	for _, arg := range args {
		last := len(joined) - 1
		if negative(arg) && last >= 0 && strings.HasPrefix(joined[last], "--") && !strings.Contains(joined[last], "=") {
			joined[last] += "=" + arg
			continue
		}
		joined = append(joined, arg)
	}
	return joined
}

// negative reports whether an argument begins as a number below zero.
func negative(arg string) bool {
	return len(arg) > 1 && arg[0] == '-' && '0' <= arg[1] && arg[1] <= '9'
}
