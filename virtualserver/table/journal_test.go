package table_test

import (
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
)

func TestJournalKey(t *testing.T) {
	udp := tcp("10.0.0.1:53")
	udp.Protocol = conf.UDP
	sctp := tcp("10.0.0.1:0")
	sctp.Protocol = conf.SCTP
	for _, test := range []struct {
		key  conf.ServiceKey
		text string
	}{
		{tcp("10.0.0.1:80"), "service tcp 10.0.0.1:80"},
		{tcp("[2001:db8::1]:80"), "service tcp [2001:db8::1]:80"},
		{udp, "service udp 10.0.0.1:53"},
		{sctp, "service sctp 10.0.0.1:0"},
		{conf.ServiceKey{FWMark: 5}, "service fwmark 5 inet"},
		{conf.ServiceKey{FWMark: 5, IPv6: true}, "service fwmark 5 inet6"},
	} {
		if got := table.JournalKey(test.key); got != test.text {
			t.Errorf("JournalKey(%v) = %q, want %q", test.key, got, test.text)
		}
		if got, ok := table.ParseJournalKey(test.text); !ok || got != test.key {
			t.Errorf("ParseJournalKey(%q) = %v, %v", test.text, got, ok)
		}
	}
}

// The journal is a file: what is in it may be anything.
func FuzzParseJournalKey(f *testing.F) {
	for _, text := range []string{
		"service tcp 10.0.0.1:80", "service fwmark 5 inet6", "service fwmark 0 inet", "service tcp 10.0.0.1",
		"service icmp 10.0.0.1:1", "address eth0 10.0.0.1/32", "service", "", "service fwmark 5 inet 5",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, ok := table.ParseJournalKey(text)
		if !ok {
			if key != (conf.ServiceKey{}) {
				t.Errorf("%q is no key and is %v", text, key)
			}
			return
		}
		if again, ok := table.ParseJournalKey(table.JournalKey(key)); !ok || again != key {
			t.Errorf("%q is %v, written %q, read back %v, %v", text, key, table.JournalKey(key), again, ok)
		}
	})
}
