package agree

import "slices"

// Link is one of perhaps several connections to one peer.
type Link struct {
	ID     string // of the process at the other end
	Dialed bool   // this side has dialed
}

// Replaces says whether a connection that comes takes the place of the one that is there. Both sides
// come to the same answer, whatever the order in which they see the two: of two between the same
// processes the one stays that the process with the lower identity has dialed. Of two that the same
// side has dialed the one before is dead, and a process that has another identity is the one that runs.
func Replaces(own string, there, comes Link) bool {
	if there.ID != comes.ID || there.Dialed == comes.Dialed {
		return true
	}
	return comes.Dialed == (own < comes.ID)
}

// maxSeen is how many identities are remembered.
const maxSeen = 8

// Seen remembers the processes that have answered as one peer. A process never has the identity of
// another one, so one that comes back after another says that there are two.
type Seen struct {
	now    string
	before []string
}

// Comes notes a process, and says whether it and another one both answer.
func (s *Seen) Comes(id string) (two bool) {
	if id == s.now {
		return false
	}
	two = slices.Contains(s.before, id)
	if s.now != "" {
		s.before = append(s.before, s.now)
		s.before = s.before[max(0, len(s.before)-maxSeen):]
	}
	s.before = slices.DeleteFunc(s.before, func(b string) bool { return b == id })
	s.now = id
	return two
}
