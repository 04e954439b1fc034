package hostcheck

import (
	"fmt"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs"
)

// need is something that a virtual server asks of the kernel and that a kernel may lack.
type need struct {
	server  *conf.VirtualServer
	keyword string // that asks for it
	code    string
	what    string   // "scheduler mh"
	modules []string // any of them is enough
	feature ipvs.Feature
}

// needs are those of the virtual servers, in their order.
func needs(cfg *conf.Config) (list []need) {
	for _, v := range cfg.VirtualServers {
		add := func(keyword, code, what string, modules ...string) {
			list = append(list, need{server: v, keyword: keyword, code: code, what: what, modules: modules})
		}
		if v.Scheduler != "" {
			add("lvs_sched", "no-scheduler", "scheduler "+v.Scheduler, "ip_vs_"+v.Scheduler)
		}
		if e := v.PersistenceEngine; e != "" {
			add("persistence_engine", "no-engine", "persistence engine "+e, "ip_vs_pe_"+e)
		}
		if v.Match != nil || v.FullNAT() {
			add("match", "no-nftables", "nftables", "nf_tables")
		}
		if v.FullNAT() {
			add("lvs_method", "no-full-nat", "connection tracking", "nf_conntrack")
			add("lvs_method", "no-full-nat", "NAT in nftables", "nft_chain_nat", "nft_chain_nat_ipv4")
			add("lvs_method", "no-full-nat", "connection tracking in nftables", "nft_ct")
			if len(v.LocalAddresses) == 0 {
				add("lvs_method", "no-full-nat", "masquerading in nftables", "nft_masq", "nft_masq_ipv4")
			} else {
				add("local_address", "no-full-nat", "source NAT in nftables", "nft_nat")
			}
		}
		for _, f := range features(v) {
			list = append(list, need{server: v, keyword: "protocol", code: "no-protocol", what: string(f) + " in IPVS",
				feature: f})
		}
	}
	return list
}

// features are the protocols of a virtual server that IPVS may have been built without.
func features(v *conf.VirtualServer) (list []ipvs.Feature) {
	seen := make(map[conf.Protocol]bool)
	for _, k := range v.Services {
		seen[k.Protocol] = k.FWMark == 0
	}
	if v.Match != nil {
		for _, e := range v.Match.Entries {
			seen[e.Protocol] = true
		}
	}
	for _, p := range []struct {
		number  conf.Protocol
		feature ipvs.Feature
	}{{conf.SCTP, ipvs.SCTP}, {protocolESP, ipvs.ESP}, {protocolAH, ipvs.AH}} {
		if seen[p.number] {
			list = append(list, p.feature)
		}
	}
	return list
}

// The protocols of IPsec (RFC 4303, RFC 4302).
const (
	protocolESP conf.Protocol = 50
	protocolAH  conf.Protocol = 51
)

// lacks says whether a kernel is known to have nothing that satisfies the need.
func (n need) lacks(module func(string) presence, built func(ipvs.Feature) presence) bool {
	if n.feature != "" {
		return built(n.feature) == absent
	}
	for _, name := range n.modules {
		if module(name) != absent {
			return false
		}
	}
	return true
}

// source is where the need is satisfied from: "module ip_vs_mh".
func (n need) source() string {
	if n.feature != "" {
		return n.feature.Option()
	}
	return "module " + strings.Join(n.modules, " or ")
}

// text is what is missing.
func (n need) text() string { return fmt.Sprintf("this kernel has no %s (%s)", n.what, n.source()) }

// kernelFeature says whether the running kernel's IPVS was built with a protocol.
func kernelFeature(f ipvs.Feature) presence {
	switch built, known := f.Built(); {
	case !known:
		return notKnown
	case built:
		return present
	}
	return absent
}
