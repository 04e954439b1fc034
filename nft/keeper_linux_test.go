package nft_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/nft"
)

// drops is a table that drops packets to the IPv4 addresses of a set.
func drops(name string) nft.Table {
	return nft.Table{
		Name: name,
		Sets: []nft.Set{{Name: "addresses", Key: nft.TypeIPv4Address}},
		Chains: []nft.Chain{{Name: "in", Hook: unix.NF_INET_LOCAL_IN, Priority: -1, Rules: []nft.Rule{
			{&expr.Counter{}},
			{
				&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.NFPROTO_IPV4}},
				&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4},
				&expr.Lookup{SourceRegister: 1, SetName: "addresses"},
				&expr.Verdict{Kind: expr.VerdictDrop},
			},
		}}},
	}
}

const (
	one   = nft.Key("\x0a\x00\x00\x01")
	two   = nft.Key("\x0a\x00\x00\x02")
	three = nft.Key("\x0a\x00\x00\x03")
)

// namespace moves the test into a network namespace of its own, with another
// program's way into its nftables.
func namespace(t *testing.T) *nftables.Conn {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIP: not root: cannot make a network namespace")
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("SKIP: cannot make a network namespace:", err)
	}
	other, err := nftables.New()
	check(t, err)
	if _, err := other.ListTables(); err != nil {
		t.Skip("SKIP: no nftables in this kernel:", err)
	}
	return other
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func keeper(t *testing.T, table nft.Table) *nft.Keeper {
	k := nft.NewKeeper(table)
	t.Cleanup(k.Close)
	return k
}

func add(t *testing.T, k *nft.Keeper, keys ...nft.Key) {
	t.Helper()
	for _, key := range keys {
		_, err := k.Add("addresses", key)
		check(t, err)
	}
}

// wantElements reads the kernel by another way.
func wantElements(t *testing.T, other *nftables.Conn, table string, want ...nft.Key) {
	t.Helper()
	set, err := other.GetSetByName(&nftables.Table{Name: table, Family: nftables.TableFamilyINet}, "addresses")
	check(t, err)
	elements, err := other.GetSetElements(set)
	check(t, err)
	var got []nft.Key
	for _, e := range elements {
		got = append(got, nft.Key(e.Key))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the set has %q, want %q", got, want)
	}
}

// rules are the handles and packet counts of the chain's rules.
func rules(t *testing.T, other *nftables.Conn, table string) (handles []uint64) {
	t.Helper()
	in := &nftables.Table{Name: table, Family: nftables.TableFamilyINet}
	list, err := other.GetRules(in, &nftables.Chain{Name: "in", Table: in})
	check(t, err)
	for _, r := range list {
		handles = append(handles, r.Handle)
	}
	return handles
}

func TestATableLivesWhileItHasElements(t *testing.T) {
	other := namespace(t)
	k := keeper(t, drops("t"))
	if missing, err := k.Verify(); err != nil || missing != nil {
		t.Errorf("verifying what was never made: %v, %v", missing, err)
	}
	added, err := k.Add("addresses", one)
	if err != nil || !added {
		t.Fatalf("Add: %v, %v", added, err)
	}
	if added, err := k.Add("addresses", one); err != nil || added {
		t.Errorf("a second time: %v, %v, want that it was there", added, err)
	}
	before := rules(t, other, "t")
	add(t, k, two)
	wantElements(t, other, "t", one, two)
	check(t, k.Remove("addresses", one))
	check(t, k.Remove("addresses", one))
	wantElements(t, other, "t", two)
	if after := rules(t, other, "t"); !slices.Equal(before, after) || len(after) != 2 {
		t.Errorf("the rules were made anew: handles %v and then %v", before, after)
	}
	check(t, k.Remove("addresses", two))
	if tables, err := other.ListTables(); err != nil || len(tables) != 0 {
		t.Errorf("left: %v, %v", tables, err)
	}
}

// A new life finds the table of the former one and changes only what has to be.
func TestATableIsAdopted(t *testing.T) {
	other := namespace(t)
	add(t, keeper(t, drops("t")), one, two)
	before := rules(t, other, "t")
	k := keeper(t, drops("t"))
	elements, err := k.Elements()
	if err != nil || len(elements["addresses"]) != 2 {
		t.Errorf("the new life finds %v, %v", elements, err)
	}
	if added, err := k.Add("addresses", two); err != nil || added {
		t.Errorf("Add of what is there: %v, %v", added, err)
	}
	add(t, k, three)
	check(t, k.Remove("addresses", one))
	wantElements(t, other, "t", two, three)
	if after := rules(t, other, "t"); !slices.Equal(before, after) {
		t.Errorf("the live table was rebuilt: handles %v and then %v", before, after)
	}
}

func TestWhatOthersRemoveIsPutBack(t *testing.T) {
	other := namespace(t)
	table := &nftables.Table{Name: "t", Family: nftables.TableFamilyINet}
	for _, tt := range []struct {
		name    string
		damage  func()
		missing []string
	}{
		{"the ruleset", other.FlushRuleset, []string{"the table"}},
		{"the table's rules", func() { other.FlushTable(table) }, []string{"the rules of chain in"}},
		{"the chain", func() { other.DelChain(&nftables.Chain{Name: "in", Table: table}) }, []string{"chain in"}},
		{"the set's elements", func() { other.FlushSet(&nftables.Set{Name: "addresses", Table: table}) }, nil},
		{"a rule before ours", func() {
			other.InsertRule(&nftables.Rule{Table: table, Chain: &nftables.Chain{Name: "in", Table: table},
				Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}})
		}, []string{"the rules of chain in"}},
		{"nothing", func() { other.AddTable(&nftables.Table{Name: "theirs", Family: nftables.TableFamilyINet}) }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := keeper(t, drops("t"))
			add(t, k, one, two)
			tt.damage()
			check(t, other.Flush())
			missing, err := k.Verify()
			if err != nil || !slices.Equal(missing, tt.missing) && tt.missing != nil {
				t.Errorf("missing %q, %v, want %q", missing, err, tt.missing)
			}
			wantElements(t, other, "t", one, two)
			if n := len(rules(t, other, "t")); n != 2 {
				t.Errorf("the chain has %d rules, want 2", n)
			}
			if missing, err := k.Verify(); err != nil || len(missing) > 0 {
				t.Errorf("once more: missing %q, %v", missing, err)
			}
			other.FlushRuleset()
			check(t, other.Flush())
		})
	}
}

func TestElementsThatOthersRemoveAreSaid(t *testing.T) {
	other := namespace(t)
	k := keeper(t, drops("t"))
	add(t, k, one, two)
	table := &nftables.Table{Name: "t", Family: nftables.TableFamilyINet}
	other.FlushSet(&nftables.Set{Name: "addresses", Table: table})
	check(t, other.Flush())
	if missing, err := k.Verify(); err != nil || !slices.Equal(missing, []string{"2 elements of set addresses"}) {
		t.Errorf("missing %q, %v", missing, err)
	}
}

func TestATableOfSomebodyElseIsNotTouched(t *testing.T) {
	other := namespace(t)
	theirs := other.AddTable(&nftables.Table{Name: "t", Family: nftables.TableFamilyINet})
	check(t, other.AddSet(&nftables.Set{Table: theirs, Name: "addresses", KeyType: nftables.TypeIPAddr},
		[]nftables.SetElement{{Key: []byte(one)}}))
	check(t, other.Flush())
	k := keeper(t, drops("t"))
	if _, err := k.Add("addresses", two); !errors.Is(err, nft.ErrForeign) {
		t.Errorf("Add: %v, want ErrForeign", err)
	}
	check(t, k.Remove("addresses", one))
	wantElements(t, other, "t", one)
	if elements, err := k.Elements(); err != nil || elements != nil {
		t.Errorf("Elements: %v, %v", elements, err)
	}
}

// A director before the mark left tables without it, known by their names.
func TestATableOfAFormerVersionIsOurs(t *testing.T) {
	other := namespace(t)
	table := other.AddTable(&nftables.Table{Name: "t", Family: nftables.TableFamilyINet})
	check(t, other.AddSet(&nftables.Set{Table: table, Name: "addresses", KeyType: nftables.TypeIPAddr},
		[]nftables.SetElement{{Key: []byte(one)}}))
	priority := nftables.ChainPriority(-1)
	other.AddChain(&nftables.Chain{Name: "in", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: &priority})
	check(t, other.Flush())
	k := keeper(t, drops("t"))
	add(t, k, two)
	wantElements(t, other, "t", one, two)
	if n := len(rules(t, other, "t")); n != 2 {
		t.Errorf("the chain has %d rules, want 2", n)
	}
}

// Another version's set has keys of another length: the table is exchanged in
// one step, and what can be kept is.
func TestASetOfAnotherKindIsExchanged(t *testing.T) {
	other := namespace(t)
	table := drops("t")
	table.Sets[0].Key = nft.TypeIPv6Address
	table.Chains[0].Rules = table.Chains[0].Rules[:1]
	old := keeper(t, table)
	_, err := old.Add("addresses", nft.Key(string(one)+string(one)+string(one)+string(one)))
	check(t, err)
	add(t, keeper(t, drops("t")), one)
	wantElements(t, other, "t", one)
}

// Many programs change nftables; ours is not lost among them.
func TestChangesOfOthersMeanwhile(t *testing.T) {
	other := namespace(t)
	k := keeper(t, drops("t"))
	for n := range 50 {
		other.AddTable(&nftables.Table{Name: fmt.Sprint("theirs", n), Family: nftables.TableFamilyINet})
		check(t, other.Flush())
		add(t, k, nft.Key([]byte{10, 0, 1, byte(n)}))
	}
	elements, err := keeper(t, drops("t")).Elements()
	if err != nil || len(elements["addresses"]) != 50 {
		t.Errorf("%d elements, %v, want 50", len(elements["addresses"]), err)
	}
}

func TestManyElements(t *testing.T) {
	other := namespace(t)
	k := keeper(t, drops("t"))
	const many = 3000
	for n := range many {
		add(t, k, nft.Key([]byte{10, 1, byte(n >> 8), byte(n)}))
	}
	other.FlushRuleset()
	check(t, other.Flush())
	begin := time.Now()
	_, err := k.Verify()
	check(t, err)
	t.Logf("putting %d elements back took %v", many, time.Since(begin))
	elements, err := keeper(t, drops("t")).Elements()
	if err != nil || len(elements["addresses"]) != many {
		t.Errorf("%d elements, %v, want %d", len(elements["addresses"]), err, many)
	}
}

func TestTheTableSaysWhoseItIs(t *testing.T) {
	other := namespace(t)
	add(t, keeper(t, drops("t")), one)
	marked, err := nft.Marked()
	if err != nil || !slices.Equal(marked, []string{"t"}) {
		t.Errorf("marked tables: %q, %v", marked, err)
	}
	other.AddTable(&nftables.Table{Name: "theirs", Family: nftables.TableFamilyINet})
	check(t, other.Flush())
	if marked, err = nft.Marked(); err != nil || len(marked) != 1 {
		t.Errorf("marked tables: %q, %v", marked, err)
	}
}

func TestWatchTellsOfOurTablesOnly(t *testing.T) {
	other := namespace(t)
	ctx, cancel := context.WithCancel(context.Background())
	changed, err := nft.Watch(ctx, func(name string) bool { return name == "t" })
	check(t, err)
	other.AddTable(&nftables.Table{Name: "theirs", Family: nftables.TableFamilyINet})
	check(t, other.Flush())
	select {
	case <-changed:
		t.Error("told of somebody else's table")
	case <-time.After(50 * time.Millisecond):
	}
	add(t, keeper(t, drops("t")), one)
	other.FlushRuleset()
	check(t, other.Flush())
	select {
	case <-changed:
	case <-time.After(5 * time.Second):
		t.Error("not told within 5 s")
	}
	cancel()
	for range changed {
	}
}

// A connection that an error has closed is opened again by whichever goroutine comes: it
// has to be the same network namespace's.
func TestAKeeperStaysInItsNamespace(t *testing.T) {
	other := namespace(t)
	k := keeper(t, drops("t"))
	add(t, k, one)
	other.FlushRuleset()
	check(t, other.Flush())
	k.Interrupt() // as an error does
	ended := make(chan error)
	go func() { // on a thread of the namespace that the program began in
		_, err := k.Verify()
		ended <- err
	}()
	check(t, <-ended)
	wantElements(t, other, "t", one)
}
