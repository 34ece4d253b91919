package main

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// people is a set of users by their numbers, small enough to keep thousands of
// answers of a server in memory.
type people []uint64

const wordBits = 64

// newPeople is a set of these users.
func newPeople(users ...int) people {
	var p people
	for _, n := range users {
		p.add(n)
	}
	return p
}

func (p people) has(user int) bool {
	return user/wordBits < len(p) && p[user/wordBits]&(1<<(user%wordBits)) != 0
}

func (p *people) add(user int) {
	for user/wordBits >= len(*p) {
		*p = append(*p, 0)
	}
	(*p)[user/wordBits] |= 1 << (user % wordBits)
}

func (p people) count() (n int) {
	for _, word := range p {
		n += bits.OnesCount64(word)
	}
	return n
}

// email is the address of a user, and number the way back.
func email(user int) string { return fmt.Sprintf("user%d@example.com", user) }

func number(email string) (user int, ok bool) {
	name, _, _ := strings.Cut(email, "@")
	digits, ok := strings.CutPrefix(name, "user")
	if !ok {
		return 0, false
	}
	user, err := strconv.Atoi(digits)
	return user, err == nil && user >= 0
}
