package keyword

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf/load/value"
)

//go:generate go test . ../../effective -run "TestKeywordsDocument|TestEffectiveConfiguration" -update

// Keyword is one row of the keyword tables, for documents and tools.
type Keyword struct {
	Name    string
	Block   string // the block it stands in; empty is the top level
	Value   string // what follows it
	Default string
	Unit    string // of a bare number
	State   State
	Note    string // why it has no effect, or a remark
	AliasOf string // the keyword it is another word for
	Own     bool   // director's own: keepalived does not know it
	Shown   bool   // its value is in the effective configuration, and so in differences
	Secret  string // what of its value is never shown, in words; empty is nothing
}

// includeWords are read where the text is (package syntax), in any block.
var includeWords = []Keyword{
	{Name: "include", Value: "PATTERN", Note: "in any block; reports a missing file that is named without a pattern"},
	{Name: "includer", Value: "PATTERN", Note: "the same, and reports a file that cannot be read"},
	{Name: "includem", Value: "PATTERN", Note: "the same as include"},
	{Name: "includew", Value: "PATTERN", Note: "the same, and reports a pattern that matches nothing"},
	{Name: "includeb", Value: "PATTERN", Note: "the same, and reports an alternative in braces that is missing"},
	{Name: "includea", Value: "PATTERN", Note: "reports all of these"},
}

func (tb *table[T]) rows() []Keyword {
	rows := make([]Keyword, 0, len(tb.list))
	for i := range tb.list {
		k := &tb.list[i]
		rows = append(rows, Keyword{
			Name: k.name, Block: tb.block, Value: k.value, Default: k.deflt, Unit: k.unit,
			State: k.state, Note: k.why, AliasOf: k.aliasO, Own: k.own, Shown: k.get != nil || k.lines != nil,
			Secret: k.secret,
		})
	}
	return rows
}

// Keywords lists every keyword that Load knows, block by block.
func Keywords() []Keyword {
	var rows []Keyword
	for _, list := range [][]Keyword{
		Root.rows(), includeWords, Global.rows(), Instance.rows(), Auth.rows(), HMAC.rows(),
		Group.rows(), Script.rows(), File.rows(), Process.rows(), BFD.rows(),
		TrackGroup.rows(), GARPGroup.rows(), SSL.rows(), Metrics.rows(), Web.rows(), WebActions.rows(), Peer.rows(),
		Announce.rows(),
		Server.rows(), Real.rows(),
	} {
		rows = append(rows, list...)
	}
	for _, kind := range checkKinds {
		rows = append(rows, Checkers[kind].rows()...)
	}
	rows = append(rows, hostKeywords.rows()...)
	rows = append(rows, URL.rows()...)
	return append(rows, entryWords...)
}

// WriteKeywords writes the reference of all keywords as Markdown.
func WriteKeywords(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Keywords\n\nEvery word that a configuration may contain. This file is made from the tables that " +
		"read it: `go generate ./conf/...`.\n\n" +
		"State: **works** means that it has the effect it has in keepalived; **accepted without effect** means that it is " +
		"read and checked and changes nothing, for the reason given. " +
		"A word marked with * is director's own, and keepalived would report it as unknown. BOOL is true, on, yes, false, " +
		"off or no; omitted it is true.\n")
	block := "\x00"
	for _, k := range Keywords() {
		if k.Block != block {
			block = k.Block
			title := "`" + block + "`"
			if block == "" {
				title = "Top level"
			}
			fmt.Fprintf(&b, "\n## %s\n\n| keyword | value | default | unit | state |\n|---|---|---|---|---|\n", title)
		}
		name := "`" + k.Name + "`"
		if k.Own {
			name += " *"
		}
		state := k.State.String()
		if k.AliasOf != "" {
			state += ": same as `" + k.AliasOf + "`"
		}
		if k.Note != "" {
			state += ": " + k.Note
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name, cell(k.Value, true), cell(k.Default, false), k.Unit,
			cell(state, false))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell makes text safe in a table.
func cell(s string, code bool) string {
	if s == "" {
		return ""
	}
	s = strings.ReplaceAll(s, "|", "\\|")
	if code {
		return "`" + s + "`"
	}
	return s
}

// isLater tells whether a keyword of a block is read and not acted on yet.
func isLater(block, name string) bool {
	return slices.Contains(later[block], name)
}

// entryWords are the words inside of the lines of value blocks, which are read
// by address, route, rule and the tracking blocks.
var entryWords = slices.Concat(
	words("line of virtual_ipaddress, virtual_ipaddress_excluded, static_ipaddress", Works, "", []Keyword{
		{Name: "dev", Value: "IF", Default: "the instance's interface or default_interface"},
		{Name: "label", Value: "LABEL"},
		{Name: "scope", Value: "link|host|global|site|0..255", Default: "global"},
		{Name: "brd", Value: "IP|+|-", Default: "none"},
		{Name: "broadcast", Value: "IP|+|-", AliasOf: "brd"},
		{Name: "peer", Value: "IP[/MASK]"},
		{Name: "preferred_lft", Value: "SECONDS|forever", Default: "forever; 0 for IPv6 without a mask", Unit: "s",
			Note: "IPv4: the kernel knows 0 and forever only"},
		{Name: "home", Note: "IPv6"}, {Name: "-nodad", Note: "IPv6: duplicate address detection is done all the same"},
		{Name: "mngtmpaddr", Note: "IPv6"},
		{Name: "autojoin", Note: "multicast addresses"},
		{Name: "noprefixroute"},
		{Name: "use_vmac"},
		{Name: "no_track", Note: "not restored when somebody else removes it"},
	}),
	words("line of static_ipaddress", Works, "", []Keyword{
		{Name: "track_group", Value: "NAME",
			Note: "put back when somebody else removes it, and the group's instances are in FAULT while that fails"},
	}),
	words("line of virtual_routes, static_routes", Works, "", routeRows()),
	words("line of virtual_routes, static_routes", NoEffect, "director does not set it", rareRows(value.RareRouteWords)),
	words("line of virtual_routes, static_routes", NoEffect, "name the table of the VRF with table",
		[]Keyword{{Name: "vrf", Value: "NAME"}}),
	words("line of virtual_routes, static_routes", NoEffect, "director does not encapsulate",
		[]Keyword{{Name: "encap", Value: "..."}}),
	words("line of virtual_rules, static_rules", Works, "", ruleRows()),
	words("line of virtual_rules, static_rules", NoEffect, "director does not set it", rareRows(value.RareRuleWords)),
	words("line of unicast_peer", Works, "", []Keyword{
		{Name: "min_ttl", Value: "0..255", Default: "not checked"},
		{Name: "max_ttl", Value: "0..255", Default: "not checked"},
	}),
	words("line of track_interface", Works, "", []Keyword{
		{Name: "weight", Value: "-253..253", Default: "0, a FAULT when down"}, {Name: "reverse"},
	}),
	words("line of track_script, track_file, track_process, track_bfd", Works, "", []Keyword{
		{Name: "weight", Value: "-253..253", Default: "that of the tracker"}, {Name: "reverse"}, {Name: "noreverse"},
	}),
	words("line of track_interface, track_script, track_file, track_process, track_bfd in announce", Works, "",
		[]Keyword{{Name: "reverse", Note: "what is up withdraws"}, {Name: "noreverse"}}),
	words("line of virtual_server_group", Works, "", []Keyword{
		{Name: "IP", Value: "[PORT]"}, {Name: "IP-N", Value: "[PORT]", Note: "a range by its last number"},
		{Name: "IP-IP", Value: "[PORT]"}, {Name: "NET/LEN", Value: "[PORT]"}, {Name: "fwmark", Value: "N [inet|inet6]"},
	}),
)

func words(block string, state State, note string, list []Keyword) []Keyword {
	for i := range list {
		list[i].Block, list[i].State = block, state
		if list[i].Note == "" {
			list[i].Note = note
		}
	}
	return list
}

func routeRows() []Keyword {
	rows := []Keyword{
		{Name: "TYPE", Value: join(value.RouteTypes, "|"), Default: "unicast"},
		{Name: "to", Value: "IP[/MASK]|default"}, {Name: "src", Value: "IP"}, {Name: "via", Value: "IP"},
		{Name: "gw", Value: "IP", AliasOf: "via"}, {Name: "or", Value: "IP", AliasOf: "nexthop"},
		{Name: "dev", Value: "IF"}, {Name: "oif", Value: "IF", AliasOf: "dev"},
		{Name: "scope", Value: "link|host|global|site|0..255"}, {Name: "table", Value: "TABLE", Default: "main"},
		{Name: "tos", Value: "0..255"}, {Name: "dsfield", Value: "0..255", AliasOf: "tos"},
		{Name: "protocol", Value: "PROTOCOL", Default: "keepalived"},
		{Name: "metric", Value: "NUMBER"}, {Name: "priority", Value: "NUMBER", AliasOf: "metric"},
		{Name: "preference", Value: "NUMBER", AliasOf: "metric"},
		{Name: "mtu", Value: "[lock] NUMBER", Unit: "bytes"}, {Name: "advmss", Value: "[lock] NUMBER", Unit: "bytes"},
		{Name: "initcwnd", Value: "NUMBER", Unit: "packets"}, {Name: "initrwnd", Value: "NUMBER", Unit: "packets"},
		{Name: "hoplimit", Value: "NUMBER"},
		{Name: "onlink"}, {Name: "nexthop", Value: "via IP [dev IF] [weight 1..256] [onlink]"},
		{Name: "no_track", Note: "not restored when somebody else removes it"},
		{Name: "track_group", Value: "NAME",
			Note: "static_routes only; put back when somebody else removes it, and the group's instances are in FAULT while " +
				"that fails"},
	}
	return rows
}

func ruleRows() []Keyword {
	return []Keyword{
		{Name: "not"}, {Name: "from", Value: "IP[/MASK]|all"}, {Name: "to", Value: "IP[/MASK]|all"},
		{Name: "table", Value: "TABLE"}, {Name: "lookup", Value: "TABLE", AliasOf: "table"},
		{Name: "preference", Value: "NUMBER", Default: "16384 and below, with a warning"},
		{Name: "order", Value: "NUMBER", AliasOf: "preference"}, {Name: "priority", Value: "NUMBER", AliasOf: "preference"},
		{Name: "tos", Value: "0..255"}, {Name: "dsfield", Value: "0..255", AliasOf: "tos"},
		{Name: "fwmark", Value: "N[/MASK]"}, {Name: "iif", Value: "IF"}, {Name: "dev", Value: "IF", AliasOf: "iif"},
		{Name: "oif", Value: "IF"},
		{Name: "l3mdev"}, {Name: "uidrange", Value: "N[-N]"}, {Name: "ipproto", Value: "PROTOCOL"},
		{Name: "sport", Value: "N[-N]"}, {Name: "dport", Value: "N[-N]"}, {Name: "tunnel-id", Value: "N"},
		{Name: "suppress_prefixlength", Value: "N"}, {Name: "sup_pl", Value: "N", AliasOf: "suppress_prefixlength"},
		{Name: "suppress_ifgroup", Value: "N"},
		{Name: "protocol", Value: "PROTOCOL", Default: "keepalived"}, {Name: "goto", Value: "PREFERENCE"},
		{Name: "ACTION", Value: join(value.RuleActions, "|"), Default: "lookup"},
		{Name: "inet"}, {Name: "inet6"}, {Name: "no_track", Note: "not restored when somebody else removes it"},
		{Name: "track_group", Value: "NAME",
			Note: "static_rules only; put back when somebody else removes it, and the group's instances are in FAULT while " +
				"that fails"},
	}
}

func rareRows(rare map[string]int) []Keyword {
	var rows []Keyword
	for name, follow := range rare {
		k := Keyword{Name: name}
		if follow > 0 {
			k.Value = "VALUE"
		}
		rows = append(rows, k)
	}
	slices.SortFunc(rows, func(a, b Keyword) int { return strings.Compare(a.Name, b.Name) })
	return rows
}
