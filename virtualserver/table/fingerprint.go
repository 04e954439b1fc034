package table

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
)

// Fingerprint is a short text that two directors share whose kernels give the same clients to the same
// real servers by hashing: "mh-port:4093:4:0b0c4b3e:5a3c11d2:77c01b2e" is the scheduler with what it
// hashes, the slots, the real servers, and sums of them as a set, with their weights, and in the
// kernel's order, which is that of list. It is empty for schedulers that count or take turns.
//
// mh gives slots by the weights in Place (net/netfilter/ipvs/ip_vs_mh.c: ip_vs_mh_populate), which
// outlive a weight of 0; only their proportion counts. sh gives them by the weights of the moment
// (ip_vs_sh.c: ip_vs_sh_reassign). index is CONFIG_IP_VS_MH_TAB_INDEX.
func Fingerprint(s Service, list []Destination, index int) string {
	slots := 0
	switch s.Scheduler {
	case "mh":
		slots = maglevSize(index)
	case "sh":
		slots = sourceSlots
	default:
		return ""
	}
	weights, unit := make([]int, len(list)), 0
	for i, d := range list {
		if weights[i] = max(d.Place, 0); s.Scheduler == "sh" {
			weights[i] = max(d.Weight, 1) // one of weight 0 has a slot too
		} else {
			unit = gcd(unit, weights[i])
		}
	}
	names, shares := make([]string, len(list)), make([]string, len(list))
	for i, d := range list {
		names[i] = d.Key.String()
		shares[i] = fmt.Sprint(names[i], " ", weights[i]/max(unit, 1))
	}
	word := s.Scheduler
	if s.Flags&FlagPort != 0 {
		word += "-port"
	}
	order := sum(shares)
	slices.Sort(names)
	slices.Sort(shares)
	return fmt.Sprintf("%s:%d:%d:%s:%s:%s", word, slots, len(list), sum(names), sum(shares), order)
}

// sourceSlots is IP_VS_SH_TAB_SIZE (with CONFIG_IP_VS_SH_TAB_BITS as it comes, 8).
const sourceSlots = 256

func sum(lines []string) string {
	h := fnv.New32a()
	for _, line := range lines {
		fmt.Fprintln(h, line)
	}
	return fmt.Sprintf("%08x", h.Sum32())
}

// FingerprintDifference says in words what differs between two fingerprints, here and there; empty is nothing,
// or nothing that is known.
func FingerprintDifference(here, there string) string {
	a, b := strings.Split(here, ":"), strings.Split(there, ":")
	if here == there || min(len(a), len(b)) < fingerprintParts {
		return ""
	}
	for i, what := range [...]string{"it hashes as %s here and as %s there (lvs_sched, mh-port)",
		"the kernel's table has %s slots here and %s there (CONFIG_IP_VS_MH_TAB_INDEX)",
		"there are %s real servers here and %s there"} {
		if a[i] != b[i] {
			return fmt.Sprintf(what, word(a[i]), word(b[i]))
		}
	}
	switch {
	case a[3] != b[3]:
		return "the real servers are others"
	case a[4] != b[4]:
		return "the real servers have other weights"
	case a[5] != b[5]:
		return "the real servers are in another order"
	}
	return "another service of the group differs"
}

// Fingerprints is one of several services, for those of a virtual server group: that of the first, and a sum of
// the others.
func Fingerprints(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return list[0] + ":" + sum(list[1:])
}

const fingerprintParts = 6

// word is a part of a fingerprint that another host has told.
func word(part string) string {
	if n, err := strconv.Atoi(part); err == nil {
		return strconv.Itoa(n)
	}
	if part == "mh" || part == "sh" || part == "mh-port" || part == "sh-port" {
		return part
	}
	return "something else"
}

// FingerprintOrder is the part of the fingerprint of one service that tells tables of the same scheduler apart.
func FingerprintOrder(fingerprint string) string {
	return fingerprint[strings.LastIndexByte(fingerprint, ':')+1:]
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
