package nft

import "testing"

// A module that is in /proc/modules under its own name, and no other, is loaded.
func TestListedModules(t *testing.T) {
	const module = " 303104 10 nft_ct, Live 0x0000000000000000\n"
	for _, test := range []struct {
		name, modules string
		want          bool
	}{
		{"none", "", false},
		{"the first line", "nf_tables" + module + "ip_vs" + module, true},
		{"a line in the middle", "nft_ct" + module + "nf_tables" + module + "ip_vs" + module, true},
		{"the last line, cut off", "nft_ct" + module + "nf_tables 303104", true},
		{"a longer name", "nf_tables_set" + module, false},
		{"a longer name in front", "xnf_tables" + module, false},
		{"used by another", "nfnetlink 20480 1 nf_tables, Live 0x0000000000000000\n", false},
	} {
		if got := lists(test.modules, "nf_tables"); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
