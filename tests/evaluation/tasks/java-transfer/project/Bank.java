import java.util.HashMap;
import java.util.Map;

/** Moves money between accounts; what is there in all never changes. */
final class Bank {
    private final Map<String, Account> accounts = new HashMap<>();

    void open(Account account) {
        accounts.put(account.owner, account);
    }

    long balance(String owner) {
        return accounts.get(owner).balance();
    }

    void transfer(String from, String to, long amount) {
        Account source = accounts.get(from);
        Account target = accounts.get(to);
        long left = source.balance() - amount;
        long sum = target.balance() + amount;
        source.set(left);
        target.set(sum);
    }
}
