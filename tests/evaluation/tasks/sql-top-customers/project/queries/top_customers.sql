-- name, what was ordered, what is still open; the best customer first
SELECT customer.name,
       SUM("order".cents) AS ordered,
       SUM("order".cents) - SUM(payment.cents) AS open
FROM customer
JOIN "order" ON "order".customer_id = customer.id
JOIN payment ON payment.order_id = "order".id
GROUP BY customer.name
ORDER BY ordered DESC;
