final class BankTest {
    private static int failures;

    private static void same(String what, long wanted, long got) {
        if (wanted != got) {
            System.out.println("FAILED: " + what + ": wanted " + wanted + ", got " + got);
            failures++;
        }
    }

    private static void refused(String what, Runnable act) {
        try {
            act.run();
            System.out.println("FAILED: " + what + " was not refused");
            failures++;
        } catch (IllegalArgumentException | IllegalStateException expected) {
            // as it should be
        }
    }

    public static void main(String[] words) {
        Bank bank = new Bank();
        bank.open(new Account("ada", 1000, 5000));
        bank.open(new Account("bob", 4900, 5000));

        bank.transfer("ada", "bob", 50);
        same("ada after a transfer", 950, bank.balance("ada"));
        refused("more than bob may have", () -> bank.transfer("ada", "bob", 500));
        same("ada after a refusal", 950, bank.balance("ada"));
        refused("more than ada has", () -> bank.transfer("ada", "bob", 5000));
        bank.transfer("ada", "ada", 100);
        same("ada after a transfer to herself", 950, bank.balance("ada"));
        refused("a negative amount", () -> bank.transfer("ada", "bob", -10));
        refused("an unknown account", () -> bank.transfer("ada", "eve", 10));
        refused("a second account of the same name", () -> bank.open(new Account("ada", 7, 10)));
        same("all in all", 5900, bank.balance("ada") + bank.balance("bob"));
        System.exit(failures == 0 ? 0 : 1);
    }
}
