package table

import (
	"fmt"
	"hash/fnv"
)

// Fingerprint is a short text that two directors share whose kernels give the slots of mh
// to the same real servers: the same ones, in the same order, at weights of the same
// proportion. list is in the kernel's order, and Place is the weight by which each has its
// slots (net/netfilter/ipvs/ip_vs_mh.c: ip_vs_mh_populate, ip_vs_mh_gcd_weight).
func Fingerprint(list []Destination) string {
	divisor := 0
	for _, d := range list {
		divisor = gcd(divisor, max(d.Place, 0))
	}
	h := fnv.New32a()
	for _, d := range list {
		fmt.Fprintf(h, "%s %d\n", d.Key, max(d.Place, 0)/max(divisor, 1))
	}
	return fmt.Sprintf("%08x", h.Sum32())
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
