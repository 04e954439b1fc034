package marks

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lvs-director/director/nft"
)

// verifyPeriod is how often the tables are verified when no notification comes.
const verifyPeriod = time.Second

// NewKernel uses the nftables of this network namespace.
func NewKernel() Kernel {
	return &kernel{guard: nft.NewGuard(verifyPeriod), used: map[string]bool{},
		good: map[string]nft.Elements{}}
}

type kernel struct {
	guard *nft.Guard
	used  map[string]bool         // tables that were put once
	good  map[string]nft.Elements // of tables, that the kernel took last
}

// Repairs implements Kernel.
func (k *kernel) Repairs() <-chan nft.Repair { return k.guard.Repairs() }

// Close implements Kernel.
func (k *kernel) Close() { k.guard.Close() }

// Put implements Kernel.
func (k *kernel) Put(r Rules) error {
	marks, sources := r.elements()
	return errors.Join(k.put(marking(), marks, r), k.put(fullNAT(), sources, r))
}

// put makes the elements of a table those, as far as the kernel takes them.
func (k *kernel) put(t nft.Table, wanted nft.Elements, r Rules) error {
	if len(wanted) == 0 && !k.used[t.Name] {
		// A former life may have left it. To ask for a table would load nf_tables.
		left, err := nft.Marked()
		if err != nil || !slices.Contains(left, t.Name) {
			return err
		}
	}
	k.used[t.Name] = true
	use := func(all nft.Elements) error {
		return k.guard.Use(t, func(keeper *nft.Keeper) error { return keeper.Put(all) })
	}
	err := use(wanted)
	if err == nil {
		k.good[t.Name] = wanted
	}
	if isRefusal(err) {
		kept, refused, failed := putApart(wanted, k.good[t.Name], use)
		if failed == nil {
			k.good[t.Name] = kept
			return fmt.Errorf("the kernel refuses nftables rules of %s, the others are in place: %w", r.name(refused), err)
		}
	}
	if errors.Is(err, nft.ErrForeign) {
		return fmt.Errorf("nftables table inet %s is not director's: rename or remove it: %w", t.Name, err)
	}
	if absent(err) {
		return fmt.Errorf("%w: the kernel lacks part of nftables (modprobe %s)", err, modulesOf[t.Name])
	}
	return err
}

// modulesOf are the modules that a table needs, which the kernel loads by itself if it has
// them.
var modulesOf = map[string]string{
	marksTable: "-a nf_tables", fullNATTable: "-a " + strings.Join(fullNATModules, " "),
}

// absent says that the kernel does not know what a change of nftables asks for.
func absent(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EOPNOTSUPP) ||
		errors.Is(err, syscall.EPROTONOSUPPORT) || errors.Is(err, syscall.ENOSYS)
}

// Foreign counts the packets of match lists that came with a mark of somebody else's and
// kept it. Nothing is marked, and the count is 0, without the table.
func Foreign() (uint64, error) {
	if left, err := nft.Marked(); err != nil || !slices.Contains(left, marksTable) {
		return 0, err
	}
	k := nft.NewKeeper(marking())
	defer k.Close()
	var sum uint64
	for _, chain := range []string{arriving, local} {
		counts, err := k.Packets(chain)
		if err != nil {
			return 0, err
		}
		for _, n := range counts {
			sum += n
		}
	}
	return sum, nil
}
