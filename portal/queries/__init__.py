"""What the customer's pages are made of; read inside `common.customer_scope.as_customer`."""
