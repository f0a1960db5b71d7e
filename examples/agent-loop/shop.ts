import type { Json } from "dispatch-gate";

/** A shop with two orders of one customer, in memory: what the tools really act on. */
export interface Shop {
  readonly search: (customer: string) => Json;
  readonly refund: (order: string) => Json;
  readonly deleteCustomer: (customer: string) => Json;
  /** How often each order was refunded, and who the customers are. */
  readonly books: () => { readonly refunds: readonly string[]; readonly customers: readonly string[] };
}

/** Opens the shop. */
export function openShop(): Shop {
  const customers = new Set(["Ana"]);
  const orders = [
    { order: "A-17", customer: "Ana", cents: 4_200 },
    { order: "A-18", customer: "Ana", cents: 4_200 },
  ];
  const refunds: string[] = [];
  return {
    search: (customer) => orders.filter((row) => row.customer === customer),
    refund: (order) => {
      if (!orders.some((row) => row.order === order)) throw new Error("there is no such order");
      refunds.push(order);
      return { refunded: order };
    },
    deleteCustomer: (customer) => customers.delete(customer),
    books: () => ({ refunds: [...refunds], customers: [...customers] }),
  };
}
