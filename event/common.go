package event

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// together is within which time real servers fail as one.
const together = time.Minute

// FailedTogether says in one line what the real servers of a virtual server have in common
// that all failed within a short time; empty when they did not, or when there is one.
func FailedTogether(list []RealServerState) string {
	if len(list) < 2 {
		return ""
	}
	first, last := list[0].Since, list[0].Since
	reasons, networks := make(map[string]bool), make(map[string]bool)
	for _, s := range list {
		if s.Verdict() != Dead || s.Initial || len(s.Failed) == 0 {
			return ""
		}
		if s.Since.Before(first) {
			first = s.Since
		}
		if s.Since.After(last) {
			last = s.Since
		}
		networks[networkOf(s.RealServer)] = true
		reasons[commonReason(s.Failed[0])] = true
	}
	took := last.Sub(first)
	if took > together {
		return ""
	}
	text := fmt.Sprintf("all %d real servers failed within %v", len(list), took.Round(time.Millisecond))
	if len(reasons) == 1 {
		for r := range reasons {
			text += ", with the same reason: " + r
		}
	} else {
		text += fmt.Sprintf(", with %d reasons", len(reasons))
	}
	if len(networks) == 1 {
		for n := range networks {
			text += ", all in " + n
		}
	}
	return text
}

// commonReason is the kind of a check and its reason without the address of the server.
func commonReason(r CheckResult) string {
	kind, _, _ := strings.Cut(r.Checker, " ")
	reason := r.Reason
	if _, after, ok := strings.Cut(reason, ": "); ok && strings.Contains(reason[:len(reason)-len(after)], ":") {
		reason = after
	}
	return kind + " " + reason
}

// networkOf is the /24 or /64 network of a real server: "[192.0.2.1]:tcp:80".
func networkOf(server string) string {
	text, _, _ := strings.Cut(strings.TrimPrefix(server, "["), "]")
	a, err := netip.ParseAddr(text)
	if err != nil {
		return server
	}
	bits := 24
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p.String()
}

// CutOff says what else this host does not reach, beside real servers that failed together: gateways that do
// not answer, and other directors that are not connected. Empty is nothing.
func CutOff(gateways []netip.Addr, directors []string) string {
	var list []string
	if len(gateways) > 0 {
		list = append(list, fmt.Sprintf("the gateway %v does not answer either", gateways[0]))
	}
	if len(directors) > 0 {
		list = append(list, fmt.Sprintf("the peer %s is not reachable either", strings.Join(directors, ", ")))
	}
	return strings.Join(list, ", and ")
}
