/** An account with a limit; amounts are in cents. */
final class Account {
    final String owner;
    private final long limit;
    private long balance;

    Account(String owner, long balance, long limit) {
        this.owner = owner;
        this.balance = balance;
        this.limit = limit;
    }

    long balance() {
        return balance;
    }

    void set(long amount) {
        if (amount < 0 || amount > limit) {
            throw new IllegalStateException(owner + " cannot have " + amount);
        }
        balance = amount;
    }
}
